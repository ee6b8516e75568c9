// Records of one type in one piece of memory, addressed by small numbers. The capacity is fixed when the slab
// is made; pages are touched only as records come into use, so a generous capacity costs address space, not
// memory.
//
// Tables of many megabytes are looked up at random, where the processor's search for the page costs more than
// the cache miss itself; so large arrays ask for huge pages. That advice, given once when a table is made, is
// all that the engine ever asks of the system.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include <sys/mman.h>

namespace nat {

inline constexpr std::uint32_t kNone = ~std::uint32_t{0};

// Zeroed memory that the C library takes from the kernel page by page as it is touched.
template <typename T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  explicit ZeroedArray(std::size_t count) {
    const std::size_t size = count * sizeof(T);
    const std::size_t boundary = size >= kHugePage ? kHugePage : kLine;
    memory_.reset(std::calloc(size + boundary, 1));
    if (!memory_) throw std::bad_alloc();
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    elements_ = reinterpret_cast<T*>((address + boundary - 1) & ~(boundary - 1));
    // Refused advice does no harm; whole huge pages only, so that nothing beyond the array is touched.
    if (boundary == kHugePage) ::madvise(elements_, size / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
  T& operator[](std::size_t i) { return elements_[i]; }
  const T& operator[](std::size_t i) const { return elements_[i]; }

 private:
  static constexpr std::uintptr_t kLine = 64;
  static constexpr std::uintptr_t kHugePage = std::uintptr_t{2} << 20;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  T* elements_ = nullptr;
};

template <typename T>
class Slab {
 public:
  explicit Slab(std::uint32_t capacity) : records_(capacity), capacity_(capacity) { free_.reserve(capacity); }

  // kNone when the slab is full. The record holds what its last user left.
  std::uint32_t take() {
    if (!free_.empty()) {
      const std::uint32_t number = free_.back();
      free_.pop_back();
      ++used_;
      return number;
    }
    if (high_water_ == capacity_) return kNone;
    ++used_;
    return high_water_++;
  }
  void give_back(std::uint32_t number) {
    free_.push_back(number);
    --used_;
  }

  T& operator[](std::uint32_t number) { return records_[number]; }
  const T& operator[](std::uint32_t number) const { return records_[number]; }
  std::uint32_t used() const { return used_; }
  std::uint32_t capacity() const { return capacity_; }
  // Numbers below this one have been in use at some time.
  std::uint32_t high_water() const { return high_water_; }

 private:
  ZeroedArray<T> records_;
  std::vector<std::uint32_t> free_;
  std::uint32_t capacity_;
  std::uint32_t used_ = 0;
  std::uint32_t high_water_ = 0;
};

}  // namespace nat

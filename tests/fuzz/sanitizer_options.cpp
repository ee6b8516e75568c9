// A run frees little, so little of what is freed need be kept to see its use; keeping the default of 256 MB
// gives every run fresh pages, which cost more than the run. ASAN_OPTIONS has the last word.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=8:thread_local_quarantine_size_kb=256:malloc_context_size=8";
}

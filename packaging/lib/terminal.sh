# What the launchers say while they work. Colour only on a terminal, and only as decoration: every line
# means the same without it.
# shellcheck shell=bash disable=SC2034

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' red='' green='' plain=''
fi

# say TEXT: a line of progress.
say() { printf '%s\n' "$*"; }

# heading TEXT: the start of a part of the work.
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

# good TEXT, bad TEXT: how a part ended.
good() { printf '%s%s%s\n' "$green" "$*" "$plain"; }
bad() { printf '%s%s%s\n' "$red" "$*" "$plain"; }

# die TEXT: says what is wrong and what to do, and ends.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

#!/bin/sh
# Usage: no_weak_symbols.sh NM OBJECT...   Fails where an object defines a symbol that the linker may share with
# units built for other instruction sets (see cpu/simd.h).
nm=$1; shift
[ $# -gt 0 ] || { echo "no objects to look at"; exit 1; }
if "$nm" -C "$@" | grep -E ' [WVu] '; then
  echo "weak symbols, listed above, in a unit built for one instruction set"
  exit 1
fi

# FL_KNOWS(FLAG, IF-YES): whether the compiler takes a flag.
AC_DEFUN([FL_KNOWS], [
  AC_MSG_CHECKING([whether $CC knows $1])
  fl_save="$CFLAGS"; CFLAGS="$CFLAGS -Werror $1"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([],[])], [AC_MSG_RESULT([yes]); $2], [AC_MSG_RESULT([no])])
  CFLAGS="$fl_save"
])

# FL_COMPILER_FLAGS: C17 with GNU extensions and the warnings of the house.
AC_DEFUN([FL_COMPILER_FLAGS], [
  FL_CFLAGS="-std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2 -Wundef"
  FL_CFLAGS="$FL_CFLAGS -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum"
  # Bounded texts are cut at their limit on purpose; gcc would call each of them out.
  FL_KNOWS([-Wformat-truncation], [FL_CFLAGS="$FL_CFLAGS -Wno-format-truncation"])
  # A loop that a sanitizer build cannot vectorise is no mistake of ours (clang).
  FL_KNOWS([-Wpass-failed], [FL_CFLAGS="$FL_CFLAGS -Wno-pass-failed"])
  # gcc at -O2 vectorises only loops whose length it knows, unless told; clang does it by itself.
  FL_VECTOR_CFLAGS=""
  FL_KNOWS([-fvect-cost-model=dynamic], [FL_VECTOR_CFLAGS="-fvect-cost-model=dynamic"])
  AC_SUBST([FL_VECTOR_CFLAGS])
  FL_CFLAGS="$FL_CFLAGS -fstack-protector-strong -fno-strict-overflow"
  AC_SUBST([FL_CFLAGS])
])

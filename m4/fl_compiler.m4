# FL_COMPILER_FLAGS: C17 with GNU extensions and the warnings of the house.
AC_DEFUN([FL_COMPILER_FLAGS], [
  FL_CFLAGS="-std=gnu17 -Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2 -Wundef"
  FL_CFLAGS="$FL_CFLAGS -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum"
  # Bounded texts are cut at their limit on purpose; gcc would call each of them out.
  AC_MSG_CHECKING([whether $CC knows -Wformat-truncation])
  fl_save="$CFLAGS"; CFLAGS="$CFLAGS -Werror -Wformat-truncation"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([],[])],
    [AC_MSG_RESULT([yes]); FL_CFLAGS="$FL_CFLAGS -Wno-format-truncation"], [AC_MSG_RESULT([no])])
  CFLAGS="$fl_save"
  FL_CFLAGS="$FL_CFLAGS -fstack-protector-strong -fno-strict-overflow"
  AC_SUBST([FL_CFLAGS])
])

# FL_SWITCHES: --enable-werror, -sanitizers, -fuzzing, -coverage, --disable-mpi.
AC_DEFUN([FL_SWITCHES], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors])],
    [AS_IF([test "x$enableval" = xyes], [FL_CFLAGS="$FL_CFLAGS -Werror"])])
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers=LIST], [e.g. address,undefined or thread])],
    [AS_IF([test "x$enableval" != xno], [
      FL_CFLAGS="$FL_CFLAGS -fsanitize=$enableval -fno-sanitize-recover=all -fno-omit-frame-pointer"
      LDFLAGS="$LDFLAGS -fsanitize=$enableval"])])
  AC_ARG_ENABLE([fuzzing],
    [AS_HELP_STRING([--enable-fuzzing], [build tests/fuzz with libFuzzer (needs CC=clang)])],
    [], [enable_fuzzing=no])
  AS_IF([test "x$enable_fuzzing" = xyes], [FL_CFLAGS="$FL_CFLAGS -fsanitize=fuzzer-no-link"])
  AM_CONDITIONAL([FL_FUZZING], [test "x$enable_fuzzing" = xyes])
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [gcov instrumentation])],
    [AS_IF([test "x$enableval" = xyes],
      [FL_CFLAGS="$FL_CFLAGS --coverage -O0"; LDFLAGS="$LDFLAGS --coverage"])])
  AC_ARG_ENABLE([mpi], [AS_HELP_STRING([--disable-mpi], [do not build fairlead-surge])],
    [], [enable_mpi=yes])
  AM_CONDITIONAL([FL_MPI], [test "x$enable_mpi" != xno])
])

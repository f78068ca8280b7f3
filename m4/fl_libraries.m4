# FL_PKG(VARIABLE, MODULE, DEBIAN-PACKAGE): a library by pkg-config, or an error that names the package.
AC_DEFUN([FL_PKG], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([library '$2' is missing; on Debian: apt-get install $3])])
])

# FL_LIBRARIES: everything we build on.
AC_DEFUN([FL_LIBRARIES], [
  FL_PKG([CRYPTO], [libcrypto >= 3.0], [libssl-dev])
  FL_PKG([JANSSON], [jansson >= 2.13], [libjansson-dev])
  FL_PKG([LIBCONFIG], [libconfig >= 1.5], [libconfig-dev])
  FL_PKG([SQLITE], [sqlite3 >= 3.34], [libsqlite3-dev])
  FL_PKG([ZMQ], [libzmq >= 4.3], [libzmq3-dev])
  FL_PKG([CZMQ], [libczmq >= 4.2], [libczmq-dev])
  FL_PKG([MICROHTTPD], [libmicrohttpd >= 0.9.70], [libmicrohttpd-dev])
  FL_PKG([GNUTLS], [gnutls >= 3.6.14], [libgnutls28-dev])
  FL_PKG([CURL], [libcurl >= 7.80], [libcurl4-openssl-dev])
  FL_PKG([EXPAT], [expat >= 2.2], [libexpat1-dev])
  FL_PKG([NETCDF], [netcdf >= 4.7], [libnetcdf-dev])
  FL_PKG([ECCODES], [eccodes >= 2.20], [libeccodes-dev])
  AC_CHECK_HEADER([bzlib.h], [],
    [AC_MSG_ERROR([library 'bzip2' is missing; on Debian: apt-get install libbz2-dev])])
  AC_SUBST([BZ2_LIBS], [-lbz2])
  FL_PKG([CAIRO], [cairo >= 1.16], [libcairo2-dev])
  FL_PKG([FREETYPE], [freetype2], [libfreetype-dev])
  FL_PKG([SHAPELIB], [shapelib >= 1.5], [libshp-dev])
  FL_PKG([CMOCKA], [cmocka >= 1.1], [libcmocka-dev])
  AS_IF([test "x$enable_mpi" != xno], [
    PKG_CHECK_MODULES([MPI], [ompi-c], [],
      [PKG_CHECK_MODULES([MPI], [mpich], [],
        [AC_MSG_ERROR([no MPI found; on Debian: apt-get install libopenmpi-dev openmpi-bin (or --disable-mpi)])])])
    AC_PATH_PROGS([MPIRUN], [mpirun.openmpi mpirun.mpich mpirun], [mpirun])
  ])
])

# FL_DATA_FILE(VARIABLE, OPTION, DEFAULT, DEBIAN-PACKAGE, WHAT): a data file that must exist.
AC_DEFUN([FL_DATA_FILE], [
  AC_ARG_WITH([$2], [AS_HELP_STRING([--with-$2=FILE], [$5 [$3]])], [$1="$withval"], [$1="$3"])
  AC_MSG_CHECKING([for $5])
  AS_IF([test -r "$$1"], [AC_MSG_RESULT([$$1])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([$5 '$$1' cannot be read; on Debian: apt-get install $4 (or --with-$2=FILE)])])
  AC_SUBST([$1])
])

# FL_DATA_FILES: fonts, coastline shapes, bathymetry, and the optional sample data of the tests.
AC_DEFUN([FL_DATA_FILES], [
  FL_DATA_FILE([FL_FONT], [font], [/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf],
    [fonts-dejavu-core], [the font of the maps])
  FL_DATA_FILE([FL_COASTLINE], [coastline], [/usr/share/magics/10m/ne_10m_land.shp],
    [libmagics++-data], [the coastline shapes])
  FL_DATA_FILE([FL_ETOPO5], [etopo5], [/usr/share/ferret-vis/data/etopo5.cdf],
    [ferret-datasets], [the ETOPO5 relief])
  AC_ARG_WITH([sample-data],
    [AS_HELP_STRING([--with-sample-data=DIR], [real forecast files for more tests [../shared/data]])],
    [FL_SAMPLE_DATA="$withval"],
    [AS_IF([test -d "$srcdir/../shared/data"], [FL_SAMPLE_DATA=`cd "$srcdir/../shared/data" && pwd`],
           [FL_SAMPLE_DATA=""])])
  AS_IF([test "x$FL_SAMPLE_DATA" = xno], [FL_SAMPLE_DATA=""])
  AC_SUBST([FL_SAMPLE_DATA])
])

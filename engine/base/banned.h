#ifndef FL_BASE_BANNED_H
#define FL_BASE_BANNED_H

/* Included last in every .c file: calls that have no place here fail to compile. */

#define FL_BANNED(name) banned_call_##name##_see_engine_base_banned_h

#undef strcpy
#define strcpy(a, b) FL_BANNED(strcpy)
#undef strcat
#define strcat(a, b) FL_BANNED(strcat)
#undef strncpy
#define strncpy(a, b, n) FL_BANNED(strncpy)
#undef strncat
#define strncat(a, b, n) FL_BANNED(strncat)
#undef sprintf
#define sprintf(...) FL_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) FL_BANNED(vsprintf)
#undef gets
#define gets(a) FL_BANNED(gets)
#undef strtok
#define strtok(a, b) FL_BANNED(strtok)
#undef atoi
#define atoi(a) FL_BANNED(atoi)
#undef atof
#define atof(a) FL_BANNED(atof)
#undef system
#define system(a) FL_BANNED(system)
#undef popen
#define popen(a, b) FL_BANNED(popen)
#undef localtime
#define localtime(a) FL_BANNED(localtime)
#undef mktime
#define mktime(a) FL_BANNED(mktime)
#undef gmtime
#define gmtime(a) FL_BANNED(gmtime)
#undef tmpnam
#define tmpnam(a) FL_BANNED(tmpnam)
#undef alloca
#define alloca(a) FL_BANNED(alloca)

#endif

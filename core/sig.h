/* sig.h — parsing of op signatures; used by registry.c only. */
#ifndef SEMISAM_SIG_H
#define SEMISAM_SIG_H
#include "semisam.h"

/* ss__sig_parse() — parameters of "x: float, slope: number = 0.01" into a new array that is never
 * freed (the registry lives as long as the process). E_FORMAT on a malformed signature; *at then
 * points at the offending place. */
ss_status ss__sig_parse(const char *sig, ss_param **out, int *ntensor, int *nattr, const char **at);
#endif

/* error.c — see error.h. */
#include "error.h"
#include <stdarg.h>
#include <stdio.h>

ss_status ss_error_set(ss_error *err, ss_status s, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        err->status = s;
    }
    return s;
}

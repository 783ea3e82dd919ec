/* extrema.h — folding by comparison: largest, smallest, any, all, and where they are. */
#ifndef SEMISAM_EXTREMA_H
#define SEMISAM_EXTREMA_H
#include "reduce.h"

typedef enum { SS_LARGEST, SS_SMALLEST, SS_ANY, SS_ALL } ss_choice;

/* The largest and smallest of nothing do not exist: E_SHAPE. Otherwise ss_infer_reduce(). */
ss_status ss_infer_extremum(ss_call *c);

/* out[0] = 0-based place along attr[0] (one axis) of the first largest or smallest element, NaN
 * counting as more extreme than any number; i64. */
ss_status ss_infer_arg_extremum(ss_call *c);
ss_status ss_arg_extremum(ss_call *c, ss_choice which);

/* out[0] = dy (in[0]) at the first element of x (in[1]) equal to y (in[2]) within each fold, 0
 * elsewhere. dy and y have x's shape with the folded axes 1. Scratch: one byte per fold. */
ss_status ss_extremum_dx(ss_call *c);
/* Gradient function of min and max, which save in[0] and out[0]. */
void ss_extremum_grad(ss_grad *g);
#endif

/* attend_args.h — the arguments of attention and _attention_dx by place. */
#ifndef SEMISAM_ATTEND_ARGS_H
#define SEMISAM_ATTEND_ARGS_H
enum { SS_AT_Q, SS_AT_K, SS_AT_V, SS_AT_BIAS, SS_AT_REL_H, SS_AT_REL_W, SS_AT_REL_D, SS_AT_PAD };
enum { SS_AT_OUT = SS_AT_PAD + 1, SS_AT_LSE, SS_AT_DY }; /* of the gradient alone */
enum { SS_AT_SCALE, SS_AT_REL, SS_AT_GRID, SS_AT_WINDOW, SS_AT_WANTED };
enum { SS_REL_NONE, SS_REL_2D, SS_REL_3D, SS_REL_3D_OFFICIAL };
#endif

---@meta
-- Written by docs/gen.lua. Types of the engine for editors that know LuaLS annotations.

---@alias ss.dtype "f32"|"bf16"|"f16"|"i64"|"i32"|"u8"|"bool"

---@class ss.tensor
---@field shape integer[]
---@field ndim integer
---@field dtype ss.dtype
---@field device string
---@field count integer
---@field bytes integer
---@field grad ss.tensor?
---@field requires_grad boolean
---@operator add(ss.tensor|number): ss.tensor
---@operator sub(ss.tensor|number): ss.tensor
---@operator mul(ss.tensor|number): ss.tensor
---@operator div(ss.tensor|number): ss.tensor
---@operator pow(ss.tensor|number): ss.tensor
---@operator unm: ss.tensor
local tensor = {}

---@class semisam
local ss = {}

---Absolute value.
---@param x ss.tensor|number
---@return ss.tensor
function ss.abs(x) end

---Absolute value.
---@return ss.tensor
function tensor:abs() end

---p *= 1 - lr weight_decay; m, v = moving averages of g and g^2; p -= lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps). `step` counts from 1. Writes p, m and v. I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, 2019.
---@param p ss.tensor|number
---@param g ss.tensor|number
---@param m ss.tensor|number
---@param v ss.tensor|number
---@param lr number
---@param beta1? number
---@param beta2? number
---@param eps? number
---@param weight_decay? number
---@param step? integer
function ss.adamw_(p, g, m, v, lr, beta1, beta2, eps, weight_decay, step) end

---p *= 1 - lr weight_decay; m, v = moving averages of g and g^2; p -= lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps). `step` counts from 1. Writes p, m and v. I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization, 2019.
---@param g ss.tensor|number
---@param m ss.tensor|number
---@param v ss.tensor|number
---@param lr number
---@param beta1? number
---@param beta2? number
---@param eps? number
---@param weight_decay? number
---@param step? integer
function tensor:adamw_(g, m, v, lr, beta1, beta2, eps, weight_decay, step) end

---a + b, broadcast. Integers are added in 64 bits and saturate to the result's type.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.add(a, b) end

---a + b, broadcast. Integers are added in 64 bits and saturate to the result's type.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:add(b) end

---Add alpha * y to x in place; y broadcasts to x's shape.
---@param x ss.tensor|number
---@param y ss.tensor|number
---@param alpha? number
function ss.add_(x, y, alpha) end

---Add alpha * y to x in place; y broadcasts to x's shape.
---@param y ss.tensor|number
---@param alpha? number
function tensor:add_(y, alpha) end

---Add normal noise of deviation `std`, itself limited to `clip` deviations, and limit the result to [lo, hi]. The noise is normal(shape, key). Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param x ss.tensor|number
---@param key integer
---@param std number
---@param clip? number
---@param lo? number
---@param hi? number
---@return ss.tensor
function ss.add_noise(x, key, std, clip, lo, hi) end

---Add normal noise of deviation `std`, itself limited to `clip` deviations, and limit the result to [lo, hi]. The noise is normal(shape, key). Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param key integer
---@param std number
---@param clip? number
---@param lo? number
---@param hi? number
---@return ss.tensor
function tensor:add_noise(key, std, clip, lo, hi) end

---Resample [d,h,w], [d,h,w,c] or [n,d,h,w,c] to `size` (z,y,x; default unchanged): output voxel (z,y,x) reads x at matrix * (z,y,x,1), in voxels from 0; the matrix is [3,4] or [n,3,4]. Beyond the volume every voxel is `outside` (border = constant: linear blends towards it) or repeats the border (edge). Linear needs f32 and carries a gradient to x; nearest takes any type.
---@param x ss.tensor|number
---@param matrix ss.tensor|number
---@param size? integer|integer[]
---@param mode? "linear"|"nearest"
---@param outside? number
---@param border? "constant"|"edge"
---@return ss.tensor
function ss.affine_sample(x, matrix, size, mode, outside, border) end

---Resample [d,h,w], [d,h,w,c] or [n,d,h,w,c] to `size` (z,y,x; default unchanged): output voxel (z,y,x) reads x at matrix * (z,y,x,1), in voxels from 0; the matrix is [3,4] or [n,3,4]. Beyond the volume every voxel is `outside` (border = constant: linear blends towards it) or repeats the border (edge). Linear needs f32 and carries a gradient to x; nearest takes any type.
---@param matrix ss.tensor|number
---@param size? integer|integer[]
---@param mode? "linear"|"nearest"
---@param outside? number
---@param border? "constant"|"edge"
---@return ss.tensor
function tensor:affine_sample(matrix, size, mode, outside, border) end

---Are all elements over dims (absent: all axes) true, that is anything but zero? Of nothing: true.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function ss.all(x, dims, keepdim) end

---Are all elements over dims (absent: all axes) true, that is anything but zero? Of nothing: true.
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function tensor:all(dims, keepdim) end

---Is any element over dims (absent: all axes) true, that is anything but zero? Of nothing: false.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function ss.any(x, dims, keepdim) end

---Is any element over dims (absent: all axes) true, that is anything but zero? Of nothing: false.
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function tensor:any(dims, keepdim) end

---The n numbers start, start + step, start + 2 step, ...
---@param n integer
---@param start? number
---@param step? number
---@param dtype? ss.dtype
---@return ss.tensor
function ss.arange(n, start, step, dtype) end

---0-based place (i64) of the first largest element along an axis; NaN counts as largest.
---@param x ss.tensor|number
---@param dim integer
---@param keepdim? boolean
---@return ss.tensor
function ss.argmax(x, dim, keepdim) end

---0-based place (i64) of the first largest element along an axis; NaN counts as largest.
---@param dim integer
---@param keepdim? boolean
---@return ss.tensor
function tensor:argmax(dim, keepdim) end

---0-based place (i64) of the first smallest element along an axis; NaN counts as smallest.
---@param x ss.tensor|number
---@param dim integer
---@param keepdim? boolean
---@return ss.tensor
function ss.argmin(x, dim, keepdim) end

---0-based place (i64) of the first smallest element along an axis; NaN counts as smallest.
---@param dim integer
---@param keepdim? boolean
---@return ss.tensor
function tensor:argmin(dim, keepdim) end

---softmax(scale q k^T + bias + position) v without storing the logits. q [n, tq, heads, e], k, v [n, tk, heads, e], any strides; bias [n or 1, heads or 1, tq, tk]; `scale` is 1 / sqrt(e) if not given. `rel` adds decomposed relative positions of tokens on `grid`, from the unscaled q and tables rel_* [2 window - 1, e], row (query - key + window - 1): 2d takes rel_h, rel_w for the two axes, 3d rel_d, rel_h, rel_w for the three; 3d_official mixes the axes as SAM-Med3D's released code does. `window` >= grid: the rest of each axis is padding tokens that all have the q, k, v of `pad` [3, heads, e]; they are keys like the others.
---@param q ss.tensor|number
---@param k ss.tensor|number
---@param v ss.tensor|number
---@param bias? ss.tensor|number
---@param rel_h? ss.tensor|number
---@param rel_w? ss.tensor|number
---@param rel_d? ss.tensor|number
---@param pad? ss.tensor|number
---@param scale? number
---@param rel? "none"|"2d"|"3d"|"3d_official"
---@param grid? integer[]
---@param window? integer[]
---@return ss.tensor
function ss.attention(q, k, v, bias, rel_h, rel_w, rel_d, pad, scale, rel, grid, window) end

---softmax(scale q k^T + bias + position) v without storing the logits. q [n, tq, heads, e], k, v [n, tk, heads, e], any strides; bias [n or 1, heads or 1, tq, tk]; `scale` is 1 / sqrt(e) if not given. `rel` adds decomposed relative positions of tokens on `grid`, from the unscaled q and tables rel_* [2 window - 1, e], row (query - key + window - 1): 2d takes rel_h, rel_w for the two axes, 3d rel_d, rel_h, rel_w for the three; 3d_official mixes the axes as SAM-Med3D's released code does. `window` >= grid: the rest of each axis is padding tokens that all have the q, k, v of `pad` [3, heads, e]; they are keys like the others.
---@param k ss.tensor|number
---@param v ss.tensor|number
---@param bias? ss.tensor|number
---@param rel_h? ss.tensor|number
---@param rel_w? ss.tensor|number
---@param rel_d? ss.tensor|number
---@param pad? ss.tensor|number
---@param scale? number
---@param rel? "none"|"2d"|"3d"|"3d_official"
---@param grid? integer[]
---@param window? integer[]
---@return ss.tensor
function tensor:attention(k, v, bias, rel_h, rel_w, rel_d, pad, scale, rel, grid, window) end

---Mean of each window of x [n, h, w, c]; stride defaults to the kernel. Padding counts as zeros in the mean only when asked for.
---@param x ss.tensor|number
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param count_include_pad? boolean
---@return ss.tensor
function ss.avg_pool2d(x, kernel, stride, pad, count_include_pad) end

---Mean of each window of x [n, h, w, c]; stride defaults to the kernel. Padding counts as zeros in the mean only when asked for.
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param count_include_pad? boolean
---@return ss.tensor
function tensor:avg_pool2d(kernel, stride, pad, count_include_pad) end

---Mean of each window of x [n, d, h, w, c]; stride defaults to the kernel. Padding counts as zeros in the mean only when asked for.
---@param x ss.tensor|number
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param count_include_pad? boolean
---@return ss.tensor
function ss.avg_pool3d(x, kernel, stride, pad, count_include_pad) end

---Mean of each window of x [n, d, h, w, c]; stride defaults to the kernel. Padding counts as zeros in the mean only when asked for.
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param count_include_pad? boolean
---@return ss.tensor
function tensor:avg_pool3d(kernel, stride, pad, count_include_pad) end

---Normalise every channel of `x` [n, ..., c] over batch and positions: y = (x - mean) / sqrt(var + eps) * weight + bias. With `training` the mean and biased variance are those of `x`, without it the running ones, which carry no gradient. batch_norm_update_ moves the running statistics.
---@param x ss.tensor|number
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param running_mean? ss.tensor|number
---@param running_var? ss.tensor|number
---@param training? boolean
---@param eps? number
---@return ss.tensor
function ss.batch_norm(x, weight, bias, running_mean, running_var, training, eps) end

---Normalise every channel of `x` [n, ..., c] over batch and positions: y = (x - mean) / sqrt(var + eps) * weight + bias. With `training` the mean and biased variance are those of `x`, without it the running ones, which carry no gradient. batch_norm_update_ moves the running statistics.
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param running_mean? ss.tensor|number
---@param running_var? ss.tensor|number
---@param training? boolean
---@param eps? number
---@return ss.tensor
function tensor:batch_norm(weight, bias, running_mean, running_var, training, eps) end

---running = (1 - momentum) * running + momentum * (mean, unbiased variance) of `x` [n, ..., c], per channel; writes both running tensors.
---@param running_mean ss.tensor|number
---@param running_var ss.tensor|number
---@param x ss.tensor|number
---@param momentum? number
function ss.batch_norm_update_(running_mean, running_var, x, momentum) end

---running = (1 - momentum) * running + momentum * (mean, unbiased variance) of `x` [n, ..., c], per channel; writes both running tensors.
---@param running_var ss.tensor|number
---@param x ss.tensor|number
---@param momentum? number
function tensor:batch_norm_update_(running_var, x, momentum) end

---Binary cross-entropy of sigmoid(x): sum of weight (max(x, 0) - x target + log(1 + exp(-|x|))) divided by the sum of `weight`; 0 if that is 0. `weight` has the shape of x or 1 on the last axis. No gradient reaches `target`.
---@param x ss.tensor|number
---@param target ss.tensor|number
---@param weight? ss.tensor|number
---@return ss.tensor
function ss.bce_with_logits(x, target, weight) end

---Binary cross-entropy of sigmoid(x): sum of weight (max(x, 0) - x target + log(1 + exp(-|x|))) divided by the sum of `weight`; 0 if that is 0. `weight` has the shape of x or 1 on the last axis. No gradient reaches `target`.
---@param target ss.tensor|number
---@param weight? ss.tensor|number
---@return ss.tensor
function tensor:bce_with_logits(target, weight) end

---Random numbers in [0, 1] of density proportional to x^(a-1) (1-x)^(b-1), mean a/(a+b). Element i depends on (key, i) alone.
---@param shape integer[]
---@param key integer
---@param a number
---@param b number
---@return ss.tensor
function ss.beta(shape, key, a, b) end

---x with another element type. Floats become integers by rounding to nearest even, what does not fit saturates, NaN becomes 0; anything but zero becomes true.
---@param x ss.tensor|number
---@param dtype ss.dtype
---@return ss.tensor
function ss.cast(x, dtype) end

---x with another element type. Floats become integers by rounding to nearest even, what does not fit saturates, NaN becomes 0; anything but zero becomes true.
---@param dtype ss.dtype
---@return ss.tensor
function tensor:cast(dtype) end

---The tensors joined along axis dim; the other axes agree. Element types are promoted.
---@param ... ss.tensor|number
---@return ss.tensor
function ss.cat(...) end

---x limited to [lo, hi]; an absent limit does not bind; NaN stays.
---@param x ss.tensor|number
---@param lo? number
---@param hi? number
---@return ss.tensor
function ss.clamp(x, lo, hi) end

---x limited to [lo, hi]; an absent limit does not bind; NaN stays.
---@param lo? number
---@param hi? number
---@return ss.tensor
function tensor:clamp(lo, hi) end

---Label the connected regions of each volume 1, 2.. by falling size (equal sizes by first voxel); background is 0. Masks are [d,h,w], [n,d,h,w] or [n,d,h,w,1], inside where greater than 0; `connectivity` is 6 (face), 18 (edge) or 26 (corner) neighbours.
---@param mask ss.tensor|number
---@param connectivity? "face"|"edge"|"corner"
---@return ss.tensor
function ss.connected_components(mask, connectivity) end

---Label the connected regions of each volume 1, 2.. by falling size (equal sizes by first voxel); background is 0. Masks are [d,h,w], [n,d,h,w] or [n,d,h,w,1], inside where greater than 0; `connectivity` is 6 (face), 18 (edge) or 26 (corner) neighbours.
---@param connectivity? "face"|"edge"|"corner"
---@return ss.tensor
function tensor:connected_components(connectivity) end

---Image convolution of x [n, h, w, in] with weight [out, in/groups, kh, kw]; zeros around it. Computes in x's element type.
---@param x ss.tensor|number
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param dilation? integer|integer[]
---@param groups? integer
---@return ss.tensor
function ss.conv2d(x, weight, bias, stride, pad, dilation, groups) end

---Image convolution of x [n, h, w, in] with weight [out, in/groups, kh, kw]; zeros around it. Computes in x's element type.
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param dilation? integer|integer[]
---@param groups? integer
---@return ss.tensor
function tensor:conv2d(weight, bias, stride, pad, dilation, groups) end

---act of the volume convolution of x [n, d, h, w, in] with weight [out, in/groups, kd, kh, kw]; zeros around it. gelu is the exact one (erf). Computes in x's element type.
---@param x ss.tensor|number
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param dilation? integer|integer[]
---@param groups? integer
---@param act? "none"|"gelu"
---@return ss.tensor
function ss.conv3d(x, weight, bias, stride, pad, dilation, groups, act) end

---act of the volume convolution of x [n, d, h, w, in] with weight [out, in/groups, kd, kh, kw]; zeros around it. gelu is the exact one (erf). Computes in x's element type.
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param dilation? integer|integer[]
---@param groups? integer
---@param act? "none"|"gelu"
---@return ss.tensor
function tensor:conv3d(weight, bias, stride, pad, dilation, groups, act) end

---Transposed two-dimensional convolution of x [n, h, w, in] with weight [in, out/groups, kh, kw]; size (x - 1) stride - 2 pad + dilation (k - 1) + 1 + output_pad.
---@param x ss.tensor|number
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param output_pad? integer|integer[]
---@param groups? integer
---@param dilation? integer|integer[]
---@return ss.tensor
function ss.conv_transpose2d(x, weight, bias, stride, pad, output_pad, groups, dilation) end

---Transposed two-dimensional convolution of x [n, h, w, in] with weight [in, out/groups, kh, kw]; size (x - 1) stride - 2 pad + dilation (k - 1) + 1 + output_pad.
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param output_pad? integer|integer[]
---@param groups? integer
---@param dilation? integer|integer[]
---@return ss.tensor
function tensor:conv_transpose2d(weight, bias, stride, pad, output_pad, groups, dilation) end

---Transposed volume convolution of x [n, d, h, w, in] with weight [in, out/groups, kd, kh, kw]; size (x - 1) stride - 2 pad + dilation (k - 1) + 1 + output_pad.
---@param x ss.tensor|number
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param output_pad? integer|integer[]
---@param groups? integer
---@param dilation? integer|integer[]
---@return ss.tensor
function ss.conv_transpose3d(x, weight, bias, stride, pad, output_pad, groups, dilation) end

---Transposed volume convolution of x [n, d, h, w, in] with weight [in, out/groups, kd, kh, kw]; size (x - 1) stride - 2 pad + dilation (k - 1) + 1 + output_pad.
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@param output_pad? integer|integer[]
---@param groups? integer
---@param dilation? integer|integer[]
---@return ss.tensor
function tensor:conv_transpose3d(weight, bias, stride, pad, output_pad, groups, dilation) end

---A contiguous copy of x that shares nothing with it.
---@param x ss.tensor|number
---@return ss.tensor
function ss.copy(x) end

---A contiguous copy of x that shares nothing with it.
---@return ss.tensor
function tensor:copy() end

---Overwrite x with y, which broadcasts to x's shape. The element type stays x's: floats become integers by rounding to nearest even, what does not fit saturates.
---@param x ss.tensor|number
---@param y ss.tensor|number
function ss.copy_(x, y) end

---Overwrite x with y, which broadcasts to x's shape. The element type stays x's: floats become integers by rounding to nearest even, what does not fit saturates.
---@param y ss.tensor|number
function tensor:copy_(y) end

---Cosine of x in radians.
---@param x ss.tensor|number
---@return ss.tensor
function ss.cos(x) end

---Cosine of x in radians.
---@return ss.tensor
function tensor:cos() end

---Mean of weight[t] (log sum exp(logits) - logits[t]) over the positions whose target t is not `ignore`, divided by the sum of their weights; 0 if there are none. `logits` [..., classes], `target` [...] without the last axis, `weight` [classes].
---@param logits ss.tensor|number
---@param target ss.tensor|number
---@param weight? ss.tensor|number
---@param ignore? integer
---@return ss.tensor
function ss.cross_entropy(logits, target, weight, ignore) end

---Mean of weight[t] (log sum exp(logits) - logits[t]) over the positions whose target t is not `ignore`, divided by the sum of their weights; 0 if there are none. `logits` [..., classes], `target` [...] without the last axis, `weight` [classes].
---@param target ss.tensor|number
---@param weight? ss.tensor|number
---@param ignore? integer
---@return ss.tensor
function tensor:cross_entropy(target, weight, ignore) end

---Overwrite the voxels of `box` ([2,3]: first and last (z,y,x), both included) with `value`, by default the mean of the volume. What lies beyond the image is ignored, a NaN box changes nothing. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param x ss.tensor|number
---@param box ss.tensor|number
---@param value? number
---@return ss.tensor
function ss.cutout(x, box, value) end

---Overwrite the voxels of `box` ([2,3]: first and last (z,y,x), both included) with `value`, by default the mean of the volume. What lies beyond the image is ignored, a NaN box changes nothing. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param box ss.tensor|number
---@param value? number
---@return ss.tensor
function tensor:cutout(box, value) end

---Euclidean distance from each voxel to the nearest voxel outside the mask, exact; 0 outside, infinity where the whole volume is inside (beyond the border nothing is known). `spacing`: one number or (z, y, x), 2^-20 to 2^20, default 1. Masks as in connected_components; for a signed distance transform the mask and its complement.
---@param mask ss.tensor|number
---@param spacing? ss.tensor|number
---@return ss.tensor
function ss.distance_transform(mask, spacing) end

---Euclidean distance from each voxel to the nearest voxel outside the mask, exact; 0 outside, infinity where the whole volume is inside (beyond the border nothing is known). `spacing`: one number or (z, y, x), 2^-20 to 2^20, default 1. Masks as in connected_components; for a signed distance transform the mask and its complement.
---@param spacing? ss.tensor|number
---@return ss.tensor
function tensor:distance_transform(spacing) end

---a / b, broadcast. Integers are divided as f32.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.div(a, b) end

---a / b, broadcast. Integers are divided as f32.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:div(b) end

---Set elements to 0 with probability `p` and divide the others by 1 - p; with `channels` whole channels of each sample of [n, ..., c]. `key` decides which, alone.
---@param x ss.tensor|number
---@param p number
---@param key integer
---@param channels? boolean
---@return ss.tensor
function ss.dropout(x, p, key, channels) end

---Set elements to 0 with probability `p` and divide the others by 1 - p; with `channels` whole channels of each sample of [n, ..., c]. `key` decides which, alone.
---@param p number
---@param key integer
---@param channels? boolean
---@return ss.tensor
function tensor:dropout(p, key, channels) end

---avg = alpha avg + (1 - alpha) p.
---@param avg ss.tensor|number
---@param p ss.tensor|number
---@param alpha number
function ss.ema_(avg, p, alpha) end

---avg = alpha avg + (1 - alpha) p.
---@param p ss.tensor|number
---@param alpha number
function tensor:ema_(p, alpha) end

---true where a = b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.eq(a, b) end

---true where a = b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:eq(b) end

---The exponential function.
---@param x ss.tensor|number
---@return ss.tensor
function ss.exp(x) end

---The exponential function.
---@return ss.tensor
function tensor:exp() end

---A view of x in which axes of size 1 (and new leading axes) repeat up to shape; -1 keeps an axis.
---@param x ss.tensor|number
---@param shape integer[]
---@return ss.tensor
function ss.expand(x, shape) end

---A view of x in which axes of size 1 (and new leading axes) repeat up to shape; -1 keeps an axis.
---@param shape integer[]
---@return ss.tensor
function tensor:expand(shape) end

---Overwrite every element of x with value.
---@param x ss.tensor|number
---@param value number
function ss.fill_(x, value) end

---Overwrite every element of x with value.
---@param value number
function tensor:fill_(value) end

---The mask as u8 0/1 with its cavities filled: background regions (connected as `connectivity` says) that do not touch the border of the volume become 1. Masks as in connected_components.
---@param mask ss.tensor|number
---@param connectivity? "face"|"edge"|"corner"
---@return ss.tensor
function ss.fill_holes(mask, connectivity) end

---The mask as u8 0/1 with its cavities filled: background regions (connected as `connectivity` says) that do not touch the border of the volume become 1. Masks as in connected_components.
---@param connectivity? "face"|"edge"|"corner"
---@return ss.tensor
function tensor:fill_holes(connectivity) end

---Scores x [n, h, w, 1] in which every region of pixels <= 0 (8 neighbours, the border counts as any other pixel) of at most `area` pixels has become `value`: the hole filling of the SAM 2 video predictor.
---@param x ss.tensor|number
---@param area integer
---@param value? number
---@return ss.tensor
function ss.fill_small_holes(x, area, value) end

---Scores x [n, h, w, 1] in which every region of pixels <= 0 (8 neighbours, the border counts as any other pixel) of at most `area` pixels has become `value`: the hole filling of the SAM 2 video predictor.
---@param area integer
---@param value? number
---@return ss.tensor
function tensor:fill_small_holes(area, value) end

---x with the order along each of dims reversed.
---@param x ss.tensor|number
---@param dims integer[]
---@return ss.tensor
function ss.flip(x, dims) end

---x with the order along each of dims reversed.
---@param dims integer[]
---@return ss.tensor
function tensor:flip(dims) end

---The largest whole number not above x.
---@param x ss.tensor|number
---@return ss.tensor
function ss.floor(x) end

---The largest whole number not above x.
---@return ss.tensor
function tensor:floor() end

---A new tensor of this shape, every element equal to value.
---@param shape integer[]
---@param value number
---@param dtype? ss.dtype
---@return ss.tensor
function ss.full(shape, value, dtype) end

---gain * x + offset, limited to [lo, hi], of an image ([d,h,w], [d,h,w,c] or [n,d,h,w,c]).
---@param x ss.tensor|number
---@param gain? number
---@param offset? number
---@param lo? number
---@param hi? number
---@return ss.tensor
function ss.gain_offset(x, gain, offset, lo, hi) end

---gain * x + offset, limited to [lo, hi], of an image ([d,h,w], [d,h,w,c] or [n,d,h,w,c]).
---@param gain? number
---@param offset? number
---@param lo? number
---@param hi? number
---@return ss.tensor
function tensor:gain_offset(gain, offset, lo, hi) end

---Limit an image ([d,h,w], [d,h,w,c] or [n,d,h,w,c]) to [0, 1] and raise it to the power `gamma`: below 1 brightens, above 1 darkens.
---@param x ss.tensor|number
---@param gamma number
---@return ss.tensor
function ss.gamma(x, gamma) end

---Limit an image ([d,h,w], [d,h,w,c] or [n,d,h,w,c]) to [0, 1] and raise it to the power `gamma`: below 1 brightens, above 1 darkens.
---@param gamma number
---@return ss.tensor
function tensor:gamma(gamma) end

---y[..., i, ...] = x[..., index[..., i, ...], ...] along axis dim. Indices count from 0; index has x's shape except along dim.
---@param x ss.tensor|number
---@param index ss.tensor|number
---@param dim integer
---@return ss.tensor
function ss.gather(x, index, dim) end

---y[..., i, ...] = x[..., index[..., i, ...], ...] along axis dim. Indices count from 0; index has x's shape except along dim.
---@param index ss.tensor|number
---@param dim integer
---@return ss.tensor
function tensor:gather(index, dim) end

---Convolve each channel with a Gaussian of deviation `sigma` voxels (along z; also y and x unless given), cut at round(4 sigma); beyond the border the image is mirrored (c b a | a b c | c b a). Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param x ss.tensor|number
---@param sigma number
---@param sigma_y? number
---@param sigma_x? number
---@return ss.tensor
function ss.gaussian_blur(x, sigma, sigma_y, sigma_x) end

---Convolve each channel with a Gaussian of deviation `sigma` voxels (along z; also y and x unless given), cut at round(4 sigma); beyond the border the image is mirrored (c b a | a b c | c b a). Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param sigma number
---@param sigma_y? number
---@param sigma_x? number
---@return ss.tensor
function tensor:gaussian_blur(sigma, sigma_y, sigma_x) end

---true where a >= b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.ge(a, b) end

---true where a >= b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:ge(b) end

---x P(X < x) for normal X: the exact (erf) form, not the tanh approximation.
---@param x ss.tensor|number
---@return ss.tensor
function ss.gelu(x) end

---x P(X < x) for normal X: the exact (erf) form, not the tanh approximation.
---@return ss.tensor
function tensor:gelu() end

---y[n,i,j,k] = x at position grid[n,i,j,k] = (z,y,x), in voxels from 0: x is [n,d,h,w,c], grid [n,d',h',w',3], y [n,d',h',w',c]. `mode`, `outside` and `border` as in affine_sample. Linear carries gradients to x and grid; a NaN position reads `outside`.
---@param x ss.tensor|number
---@param grid ss.tensor|number
---@param mode? "linear"|"nearest"
---@param outside? number
---@param border? "constant"|"edge"
---@return ss.tensor
function ss.grid_sample(x, grid, mode, outside, border) end

---y[n,i,j,k] = x at position grid[n,i,j,k] = (z,y,x), in voxels from 0: x is [n,d,h,w,c], grid [n,d',h',w',3], y [n,d',h',w',c]. `mode`, `outside` and `border` as in affine_sample. Linear carries gradients to x and grid; a NaN position reads `outside`.
---@param grid ss.tensor|number
---@param mode? "linear"|"nearest"
---@param outside? number
---@param border? "constant"|"edge"
---@return ss.tensor
function tensor:grid_sample(grid, mode, outside, border) end

---Normalise groups of channels of every sample of `x` [n, ..., c] over positions and the group: y = leaky((x - mean) / sqrt(var + eps) * weight + bias + residual), biased variance. `slope` as in instance_norm. Y. Wu and K. He, Group Normalization, 2018.
---@param x ss.tensor|number
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param residual? ss.tensor|number
---@param groups integer
---@param eps? number
---@param slope? number
---@return ss.tensor
function ss.group_norm(x, weight, bias, residual, groups, eps, slope) end

---Normalise groups of channels of every sample of `x` [n, ..., c] over positions and the group: y = leaky((x - mean) / sqrt(var + eps) * weight + bias + residual), biased variance. `slope` as in instance_norm. Y. Wu and K. He, Group Normalization, 2018.
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param residual? ss.tensor|number
---@param groups integer
---@param eps? number
---@param slope? number
---@return ss.tensor
function tensor:group_norm(weight, bias, residual, groups, eps, slope) end

---true where a > b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.gt(a, b) end

---true where a > b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:gt(b) end

---Slices index[1], index[2], ... of x along axis dim, in this order. The values of index, which has one axis, count from 0.
---@param x ss.tensor|number
---@param index ss.tensor|number
---@param dim integer
---@return ss.tensor
function ss.index_select(x, index, dim) end

---Slices index[1], index[2], ... of x along axis dim, in this order. The values of index, which has one axis, count from 0.
---@param index ss.tensor|number
---@param dim integer
---@return ss.tensor
function tensor:index_select(index, dim) end

---Normalise every channel of every sample of `x` [n, ..., c] over its positions: y = leaky((x - mean) / sqrt(var + eps) * weight + bias + residual), biased variance. `slope` is that of the leaky ReLU at the end; 1 means none.
---@param x ss.tensor|number
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param residual? ss.tensor|number
---@param eps? number
---@param slope? number
---@return ss.tensor
function ss.instance_norm(x, weight, bias, residual, eps, slope) end

---Normalise every channel of every sample of `x` [n, ..., c] over its positions: y = leaky((x - mean) / sqrt(var + eps) * weight + bias + residual), biased variance. `slope` is that of the leaky ReLU at the end; 1 means none.
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param residual? ss.tensor|number
---@param eps? number
---@param slope? number
---@return ss.tensor
function tensor:instance_norm(weight, bias, residual, eps, slope) end

---Draw k voxels (z,y,x) as [k,3] (per volume: [n,k,3]) from the core of the largest 6-connected region: where the distance to its outside, the border of the volume counting as outside, exceeds half of its maximum. No voxel repeats before all were drawn; an empty mask gives NaN. Masks as in connected_components.
---@param mask ss.tensor|number
---@param k integer
---@param key integer
---@return ss.tensor
function ss.interior_points(mask, k, key) end

---Draw k voxels (z,y,x) as [k,3] (per volume: [n,k,3]) from the core of the largest 6-connected region: where the distance to its outside, the border of the volume counting as outside, exceeds half of its maximum. No voxel repeats before all were drawn; an empty mask gives NaN. Masks as in connected_components.
---@param k integer
---@param key integer
---@return ss.tensor
function tensor:interior_points(k, key) end

---true where x is neither infinite nor NaN.
---@param x ss.tensor|number
---@return ss.tensor
function ss.isfinite(x) end

---true where x is neither infinite nor NaN.
---@return ss.tensor
function tensor:isfinite() end

---The k-th smallest of all elements of x, counted from 0, exactly. k is a number or a list [m], the result has its shape; NaN when x holds NaN.
---@param x ss.tensor|number
---@param k ss.tensor|number
---@return ss.tensor
function ss.kth_value(x, k) end

---The k-th smallest of all elements of x, counted from 0, exactly. k is a number or a list [m], the result has its shape; NaN when x holds NaN.
---@param k ss.tensor|number
---@return ss.tensor
function tensor:kth_value(k) end

---Keep the largest connected region of each volume and set the rest to 0 (equal sizes: the one that comes first). Masks as in connected_components; an empty mask stays empty.
---@param mask ss.tensor|number
---@param connectivity? "face"|"edge"|"corner"
---@return ss.tensor
function ss.largest_component(mask, connectivity) end

---Keep the largest connected region of each volume and set the rest to 0 (equal sizes: the one that comes first). Masks as in connected_components; an empty mask stays empty.
---@param connectivity? "face"|"edge"|"corner"
---@return ss.tensor
function tensor:largest_component(connectivity) end

---Normalise every row of the last axis: y = (x - mean) / sqrt(var + eps) * weight + bias, biased variance. On channels-last images and volumes this is the LayerNorm2d/3d of SAM. J. L. Ba et al., Layer Normalization, 2016.
---@param x ss.tensor|number
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param eps? number
---@return ss.tensor
function ss.layer_norm(x, weight, bias, eps) end

---Normalise every row of the last axis: y = (x - mean) / sqrt(var + eps) * weight + bias, biased variance. On channels-last images and volumes this is the LayerNorm2d/3d of SAM. J. L. Ba et al., Layer Normalization, 2016.
---@param weight? ss.tensor|number
---@param bias? ss.tensor|number
---@param eps? number
---@return ss.tensor
function tensor:layer_norm(weight, bias, eps) end

---true where a <= b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.le(a, b) end

---true where a <= b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:le(b) end

---Pass positive values; scale the rest by `slope`.
---@param x ss.tensor|number
---@param slope? number
---@return ss.tensor
function ss.leaky_relu(x, slope) end

---Pass positive values; scale the rest by `slope`.
---@param slope? number
---@return ss.tensor
function tensor:leaky_relu(slope) end

---act(x weight^T + bias) + residual on the last axis: x [..., in], weight [out, in], bias [out], residual [..., out]. gelu is the exact one (erf). Computes in x's element type.
---@param x ss.tensor|number
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param residual? ss.tensor|number
---@param act? "none"|"gelu"|"relu"|"silu"
---@return ss.tensor
function ss.linear(x, weight, bias, residual, act) end

---act(x weight^T + bias) + residual on the last axis: x [..., in], weight [out, in], bias [out], residual [..., out]. gelu is the exact one (erf). Computes in x's element type.
---@param weight ss.tensor|number
---@param bias? ss.tensor|number
---@param residual? ss.tensor|number
---@param act? "none"|"gelu"|"relu"|"silu"
---@return ss.tensor
function tensor:linear(weight, bias, residual, act) end

---Natural logarithm; -inf at 0, NaN below.
---@param x ss.tensor|number
---@return ss.tensor
function ss.log(x) end

---Natural logarithm; -inf at 0, NaN below.
---@return ss.tensor
function tensor:log() end

---Logarithm of softmax along `dim`, computed without forming it.
---@param x ss.tensor|number
---@param dim? integer
---@return ss.tensor
function ss.log_softmax(x, dim) end

---Logarithm of softmax along `dim`, computed without forming it.
---@param dim? integer
---@return ss.tensor
function tensor:log_softmax(dim) end

---true where both a and b are true, broadcast; anything but zero counts as true.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.logical_and(a, b) end

---true where both a and b are true, broadcast; anything but zero counts as true.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:logical_and(b) end

---true where x is zero or false.
---@param x ss.tensor|number
---@return ss.tensor
function ss.logical_not(x) end

---true where x is zero or false.
---@return ss.tensor
function tensor:logical_not() end

---true where a or b is true, broadcast; anything but zero counts as true.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.logical_or(a, b) end

---true where a or b is true, broadcast; anything but zero counts as true.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:logical_or(b) end

---true where a < b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.lt(a, b) end

---true where a < b, broadcast. Integers are compared exactly, anything with a float as f32; false where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:lt(b) end

---Bounding box of each mask as [2,3] (per volume: [n,2,3]): the first and the last (z,y,x) voxel inside, both included, counted from 0; NaN for an empty mask. Masks as in connected_components.
---@param mask ss.tensor|number
---@return ss.tensor
function ss.mask_box(mask) end

---Bounding box of each mask as [2,3] (per volume: [n,2,3]): the first and the last (z,y,x) voxel inside, both included, counted from 0; NaN for an empty mask. Masks as in connected_components.
---@return ss.tensor
function tensor:mask_box() end

---Per sample of [n, ...] the ratio sum mask (p - q)^2 / sum mask, then the mean over the samples whose mask is not empty; 0 if all are. `balance = fg` gives q > 0.5 and q <= 0.5 the same total weight inside the mask. Gradient through `p` only.
---@param p ss.tensor|number
---@param q ss.tensor|number
---@param mask? ss.tensor|number
---@param balance? "none"|"fg"
---@return ss.tensor
function ss.masked_mse(p, q, mask, balance) end

---Per sample of [n, ...] the ratio sum mask (p - q)^2 / sum mask, then the mean over the samples whose mask is not empty; 0 if all are. `balance = fg` gives q > 0.5 and q <= 0.5 the same total weight inside the mask. Gradient through `p` only.
---@param q ss.tensor|number
---@param mask? ss.tensor|number
---@param balance? "none"|"fg"
---@return ss.tensor
function tensor:masked_mse(q, mask, balance) end

---Matrix product of the last two axes, a [..., m, k] and b [..., k, n] (or stored transposed, as the flags say); leading axes broadcast.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@param transpose_a? boolean
---@param transpose_b? boolean
---@return ss.tensor
function ss.matmul(a, b, transpose_a, transpose_b) end

---Matrix product of the last two axes, a [..., m, k] and b [..., k, n] (or stored transposed, as the flags say); leading axes broadcast.
---@param b ss.tensor|number
---@param transpose_a? boolean
---@param transpose_b? boolean
---@return ss.tensor
function tensor:matmul(b, transpose_a, transpose_b) end

---Largest element over dims (absent: all axes); NaN where there is one. The gradient goes to the first such element.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function ss.max(x, dims, keepdim) end

---Largest element over dims (absent: all axes); NaN where there is one. The gradient goes to the first such element.
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function tensor:max(dims, keepdim) end

---Largest value of each window of x [n, h, w, c]; stride defaults to the kernel, padding never wins.
---@param x ss.tensor|number
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@return ss.tensor
function ss.max_pool2d(x, kernel, stride, pad) end

---Largest value of each window of x [n, h, w, c]; stride defaults to the kernel, padding never wins.
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@return ss.tensor
function tensor:max_pool2d(kernel, stride, pad) end

---Largest value of each window of x [n, d, h, w, c]; stride defaults to the kernel, padding never wins.
---@param x ss.tensor|number
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@return ss.tensor
function ss.max_pool3d(x, kernel, stride, pad) end

---Largest value of each window of x [n, d, h, w, c]; stride defaults to the kernel, padding never wins.
---@param kernel integer|integer[]
---@param stride? integer|integer[]
---@param pad? integer|integer[]
---@return ss.tensor
function tensor:max_pool3d(kernel, stride, pad) end

---The larger of a and b, broadcast; NaN where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.maximum(a, b) end

---The larger of a and b, broadcast; NaN where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:maximum(b) end

---Mean over dims (absent: all axes), accumulated in f64; NaN of nothing. Integers and bool give f32.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function ss.mean(x, dims, keepdim) end

---Mean over dims (absent: all axes), accumulated in f64; NaN of nothing. Integers and bool give f32.
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function tensor:mean(dims, keepdim) end

---Smallest element over dims (absent: all axes); NaN where there is one. The gradient goes to the first such element.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function ss.min(x, dims, keepdim) end

---Smallest element over dims (absent: all axes); NaN where there is one. The gradient goes to the first such element.
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function tensor:min(dims, keepdim) end

---The smaller of a and b, broadcast; NaN where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.minimum(a, b) end

---The smaller of a and b, broadcast; NaN where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:minimum(b) end

---a * b, broadcast. Integers are multiplied in 64 bits and saturate to the result's type.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.mul(a, b) end

---a * b, broadcast. Integers are multiplied in 64 bits and saturate to the result's type.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:mul(b) end

---Multiply x by value in place.
---@param x ss.tensor|number
---@param value number
function ss.mul_(x, value) end

---Multiply x by value in place.
---@param value number
function tensor:mul_(value) end

---true where a differs from b, broadcast. Integers are compared exactly, anything with a float as f32; true where either is NaN.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.ne(a, b) end

---true where a differs from b, broadcast. Integers are compared exactly, anything with a float as f32; true where either is NaN.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:ne(b) end

----x. Of u8, which has no negatives, 0.
---@param x ss.tensor|number
---@return ss.tensor
function ss.neg(x) end

----x. Of u8, which has no negatives, 0.
---@return ss.tensor
function tensor:neg() end

---Normally distributed random numbers. Elements 4k..4k+3 (row-major) are two Box-Muller pairs from Philox block k under `key`: the same key gives the same numbers.
---@param shape integer[]
---@param key integer
---@param mean? number
---@param std? number
---@return ss.tensor
function ss.normal(shape, key, mean, std) end

---f32 with a new last axis of size classes: 1 at the place that x names (from 0), 0 elsewhere.
---@param x ss.tensor|number
---@param classes integer
---@return ss.tensor
function ss.one_hot(x, classes) end

---f32 with a new last axis of size classes: 1 at the place that x names (from 0), 0 elsewhere.
---@param classes integer
---@return ss.tensor
function tensor:one_hot(classes) end

---Count voxels of two masks as i64 [4] (per volume: [n,4]): in both, in a alone, in b alone, in neither. With a the prediction and b the truth these are TP, FP, FN, TN. Masks as in connected_components.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.overlap(a, b) end

---Count voxels of two masks as i64 [4] (per volume: [n,4]): in both, in a alone, in b alone, in neither. With a the prediction and b the truth these are TP, FP, FN, TN. Masks as in connected_components.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:overlap(b) end

---x with places added before and after its axes; pads lists pairs (before, after) from the last axis backwards, negatives cut off. New places hold value, or repeat the edge, or mirror x without repeating the edge.
---@param x ss.tensor|number
---@param pads integer[]
---@param value? number
---@param mode? "constant"|"edge"|"reflect"
---@return ss.tensor
function ss.pad(x, pads, value, mode) end

---x with places added before and after its axes; pads lists pairs (before, after) from the last axis backwards, negatives cut off. New places hold value, or repeat the edge, or mirror x without repeating the edge.
---@param pads integer[]
---@param value? number
---@param mode? "constant"|"edge"|"reflect"
---@return ss.tensor
function tensor:pad(pads, value, mode) end

---The q-th percentiles (0 to 100) of all elements of x, linear between neighbouring order statistics (numpy's default). q is a number or a list [k], the result has its shape; NaN when x is empty or holds NaN.
---@param x ss.tensor|number
---@param q ss.tensor|number
---@return ss.tensor
function ss.percentile(x, q) end

---The q-th percentiles (0 to 100) of all elements of x, linear between neighbouring order statistics (numpy's default). q is a number or a list [k], the result has its shape; NaN when x is empty or holds NaN.
---@param q ss.tensor|number
---@return ss.tensor
function tensor:percentile(q) end

---The numbers 0..n-1 as i64 in a random order; every order is equally likely. The same key gives the same order.
---@param n integer
---@param key integer
---@return ss.tensor
function ss.permutation(n, key) end

---A view of x whose axis i is x's axis dims[i].
---@param x ss.tensor|number
---@param dims integer[]
---@return ss.tensor
function ss.permute(x, dims) end

---A view of x whose axis i is x's axis dims[i].
---@param dims integer[]
---@return ss.tensor
function tensor:permute(dims) end

---a to the power b, broadcast; NaN where a < 0 and b is not whole. Integers are raised as f32.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.pow(a, b) end

---a to the power b, broadcast; NaN where a < 0 and b is not whole. Integers are raised as f32.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:pow(b) end

---Pass positive values; the rest becomes 0.
---@param x ss.tensor|number
---@return ss.tensor
function ss.relu(x) end

---Pass positive values; the rest becomes 0.
---@return ss.tensor
function tensor:relu() end

---The elements of x in row-major order under new sizes; one size may be -1 and is then worked out. Shares x's memory when x is contiguous.
---@param x ss.tensor|number
---@param shape integer[]
---@return ss.tensor
function ss.reshape(x, shape) end

---The elements of x in row-major order under new sizes; one size may be -1 and is then worked out. Shares x's memory when x is contiguous.
---@param shape integer[]
---@return ss.tensor
function tensor:reshape(shape) end

---Resample `x` [n, h, w, c] or [n, d, h, w, c] to the grid `size`. linear reads at max(0, (o + 0.5) in / out - 0.5), or with `align_corners` at o (in - 1) / (out - 1); cubic likewise, not stopped at 0, from four neighbours (a = -0.75, edges repeated); nearest takes floor(o in / out). `antialias` widens the kernel of linear or cubic (then a = -0.5) by in / out where an axis shrinks, cuts it at the edges and normalises it, as torch and Pillow do.
---@param x ss.tensor|number
---@param size integer[]
---@param mode? "nearest"|"linear"|"cubic"
---@param align_corners? boolean
---@param antialias? boolean
---@return ss.tensor
function ss.resize(x, size, mode, align_corners, antialias) end

---Resample `x` [n, h, w, c] or [n, d, h, w, c] to the grid `size`. linear reads at max(0, (o + 0.5) in / out - 0.5), or with `align_corners` at o (in - 1) / (out - 1); cubic likewise, not stopped at 0, from four neighbours (a = -0.75, edges repeated); nearest takes floor(o in / out). `antialias` widens the kernel of linear or cubic (then a = -0.5) by in / out where an axis shrinks, cuts it at the edges and normalises it, as torch and Pillow do.
---@param size integer[]
---@param mode? "nearest"|"linear"|"cubic"
---@param align_corners? boolean
---@param antialias? boolean
---@return ss.tensor
function tensor:resize(size, mode, align_corners, antialias) end

---8-bit images `x` [n, h, w, c] at another `size` {h, w}, as Pillow's Image.resize with its default filter gives them, bit for bit: cubic convolution (Keys 1981, a = -1/2), stretched by in / out when shrinking so that nothing aliases, weights of 22 fractional bits, rows first and rounded to 8 bits before the columns.
---@param x ss.tensor|number
---@param size integer|integer[]
---@return ss.tensor
function ss.resize_u8(x, size) end

---8-bit images `x` [n, h, w, c] at another `size` {h, w}, as Pillow's Image.resize with its default filter gives them, bit for bit: cubic convolution (Keys 1981, a = -1/2), stretched by in / out when shrinking so that nothing aliases, weights of 22 fractional bits, rows first and rounded to 8 bits before the columns.
---@param size integer|integer[]
---@return ss.tensor
function tensor:resize_u8(size) end

---Draw k voxels (z,y,x) as [k,3] (per volume: [n,k,3]) outside the mask, at a distance of `near` to `far` voxels from it. No voxel repeats before all were drawn; NaN when the mask is empty or no voxel is that far. Masks as in connected_components.
---@param mask ss.tensor|number
---@param k integer
---@param key integer
---@param near? number
---@param far? number
---@return ss.tensor
function ss.ring_points(mask, k, key, near, far) end

---Draw k voxels (z,y,x) as [k,3] (per volume: [n,k,3]) outside the mask, at a distance of `near` to `far` voxels from it. No voxel repeats before all were drawn; NaN when the mask is empty or no voxel is that far. Masks as in connected_components.
---@param k integer
---@param key integer
---@param near? number
---@param far? number
---@return ss.tensor
function tensor:ring_points(k, key, near, far) end

---x with every place of axis dim moved `shift` places on; what leaves at the end enters at the start.
---@param x ss.tensor|number
---@param dim integer
---@param shift integer
---@return ss.tensor
function ss.roll(x, dim, shift) end

---x with every place of axis dim moved `shift` places on; what leaves at the end enters at the start.
---@param dim integer
---@param shift integer
---@return ss.tensor
function tensor:roll(dim, shift) end

---Rotary position encoding of x [n, t, heads, e]: channels 2j, 2j + 1 of token t are turned by the angle whose cosine and sine are in row t mod rows, column j of cos and sin [rows, e / 2]; `inverse` turns back. Only the first `tokens` are turned. cos and sin are constants: they get no gradient.
---@param x ss.tensor|number
---@param cos ss.tensor|number
---@param sin ss.tensor|number
---@param tokens? integer
---@param inverse? boolean
---@return ss.tensor
function ss.rope(x, cos, sin, tokens, inverse) end

---Rotary position encoding of x [n, t, heads, e]: channels 2j, 2j + 1 of token t are turned by the angle whose cosine and sine are in row t mod rows, column j of cos and sin [rows, e / 2]; `inverse` turns back. Only the first `tokens` are turned. cos and sin are constants: they get no gradient.
---@param cos ss.tensor|number
---@param sin ss.tensor|number
---@param tokens? integer
---@param inverse? boolean
---@return ss.tensor
function tensor:rope(cos, sin, tokens, inverse) end

---k quarter turns from axis dim1 towards axis dim2: for k = 1, y[i, j] = x[j, n - 1 - i] (from 0), n the size of dim2.
---@param x ss.tensor|number
---@param dim1 integer
---@param dim2 integer
---@param k? integer
---@return ss.tensor
function ss.rot90(x, dim1, dim2, k) end

---k quarter turns from axis dim1 towards axis dim2: for k = 1, y[i, j] = x[j, n - 1 - i] (from 0), n the size of dim2.
---@param dim1 integer
---@param dim2 integer
---@param k? integer
---@return ss.tensor
function tensor:rot90(dim1, dim2, k) end

---One over the square root.
---@param x ss.tensor|number
---@return ss.tensor
function ss.rsqrt(x) end

---One over the square root.
---@return ss.tensor
function tensor:rsqrt() end

---The whole part of 255 (x - lo) / (hi - lo), x being limited to [lo, hi]; all 0 when the limits are equal, NaN gives 0. With `keep_zero` values of exactly 0 give 0. Computed in double precision.
---@param x ss.tensor|number
---@param lo number
---@param hi number
---@param keep_zero? boolean
---@return ss.tensor
function ss.scale_u8(x, lo, hi, keep_zero) end

---The whole part of 255 (x - lo) / (hi - lo), x being limited to [lo, hi]; all 0 when the limits are equal, NaN gives 0. With `keep_zero` values of exactly 0 give 0. Computed in double precision.
---@param lo number
---@param hi number
---@param keep_zero? boolean
---@return ss.tensor
function tensor:scale_u8(lo, hi, keep_zero) end

---A copy of x with src[..., i, ...] added at place index[..., i, ...] of axis dim. Indices count from 0; additions to one place happen in the order of i.
---@param x ss.tensor|number
---@param index ss.tensor|number
---@param src ss.tensor|number
---@param dim integer
---@return ss.tensor
function ss.scatter_add(x, index, src, dim) end

---A copy of x with src[..., i, ...] added at place index[..., i, ...] of axis dim. Indices count from 0; additions to one place happen in the order of i.
---@param index ss.tensor|number
---@param src ss.tensor|number
---@param dim integer
---@return ss.tensor
function tensor:scatter_add(index, src, dim) end

---A view of one place of an axis, counted from 1, negatives from the end; the axis disappears.
---@param x ss.tensor|number
---@param dim integer
---@param index integer
---@return ss.tensor
function ss.select(x, dim, index) end

---A view of one place of an axis, counted from 1, negatives from the end; the axis disappears.
---@param dim integer
---@param index integer
---@return ss.tensor
function tensor:select(dim, index) end

---d = g + weight_decay p; m = momentum m + (1 - dampening) d, or d on the `first` step; p -= lr m, with `nesterov` p -= lr (d + momentum m). Writes p and m.
---@param p ss.tensor|number
---@param g ss.tensor|number
---@param m? ss.tensor|number
---@param lr number
---@param momentum? number
---@param nesterov? boolean
---@param weight_decay? number
---@param dampening? number
---@param first? boolean
function ss.sgd_(p, g, m, lr, momentum, nesterov, weight_decay, dampening, first) end

---d = g + weight_decay p; m = momentum m + (1 - dampening) d, or d on the `first` step; p -= lr m, with `nesterov` p -= lr (d + momentum m). Writes p and m.
---@param g ss.tensor|number
---@param m? ss.tensor|number
---@param lr number
---@param momentum? number
---@param nesterov? boolean
---@param weight_decay? number
---@param dampening? number
---@param first? boolean
function tensor:sgd_(g, m, lr, momentum, nesterov, weight_decay, dampening, first) end

---Darken the image behind an obstacle: with s voxels below the depth `onset`, multiply by 1 - strength * min(s/2, 1) * exp(-(da^2 + db^2) / 2), da = (position on the first other axis - a - tilt_a * s) / (width_a + spread * s), db likewise on the second (the axes in z, y, x order without the beam's). spread 0 is a column, above 0 a wedge. Depth counts voxels from the probe at index 0. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param x ss.tensor|number
---@param a number
---@param b number
---@param width_a number
---@param width_b number
---@param onset number
---@param strength number
---@param spread? number
---@param tilt_a? number
---@param tilt_b? number
---@param beam? "z"|"y"|"x"
---@return ss.tensor
function ss.shadow(x, a, b, width_a, width_b, onset, strength, spread, tilt_a, tilt_b, beam) end

---Darken the image behind an obstacle: with s voxels below the depth `onset`, multiply by 1 - strength * min(s/2, 1) * exp(-(da^2 + db^2) / 2), da = (position on the first other axis - a - tilt_a * s) / (width_a + spread * s), db likewise on the second (the axes in z, y, x order without the beam's). spread 0 is a column, above 0 a wedge. Depth counts voxels from the probe at index 0. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param a number
---@param b number
---@param width_a number
---@param width_b number
---@param onset number
---@param strength number
---@param spread? number
---@param tilt_a? number
---@param tilt_b? number
---@param beam? "z"|"y"|"x"
---@return ss.tensor
function tensor:shadow(a, b, width_a, width_b, onset, strength, spread, tilt_a, tilt_b, beam) end

---The logistic function 1 / (1 + exp(-x)).
---@param x ss.tensor|number
---@return ss.tensor
function ss.sigmoid(x) end

---The logistic function 1 / (1 + exp(-x)).
---@return ss.tensor
function tensor:sigmoid() end

---x / (1 + exp(-x)), also called swish.
---@param x ss.tensor|number
---@return ss.tensor
function ss.silu(x) end

---x / (1 + exp(-x)), also called swish.
---@return ss.tensor
function tensor:silu() end

---Sine of x in radians.
---@param x ss.tensor|number
---@return ss.tensor
function ss.sin(x) end

---Sine of x in radians.
---@return ss.tensor
function tensor:sin() end

---A view of places start to stop of one axis, both included and counted from 1, negatives from the end; without stop to the end. stop = start - 1 gives none.
---@param x ss.tensor|number
---@param dim integer
---@param start integer
---@param stop? integer
---@param step? integer
---@return ss.tensor
function ss.slice(x, dim, start, stop, step) end

---A view of places start to stop of one axis, both included and counted from 1, negatives from the end; without stop to the end. stop = start - 1 gives none.
---@param dim integer
---@param start integer
---@param stop? integer
---@param step? integer
---@return ss.tensor
function tensor:slice(dim, start, stop, step) end

---Dice loss of probabilities: 1 - (2 sum p y + eps) / (sum p^2 + sum y^2 + eps) for every channel of [n, ..., c] over the batch, or with `per_sample` over each sample; then the mean. `squared = false` has sum p + sum y below the line. `mask` weighs the elements. F. Milletari et al., V-Net, 2016.
---@param p ss.tensor|number
---@param target ss.tensor|number
---@param mask? ss.tensor|number
---@param squared? boolean
---@param eps? number
---@param per_sample? boolean
---@return ss.tensor
function ss.soft_dice(p, target, mask, squared, eps, per_sample) end

---Dice loss of probabilities: 1 - (2 sum p y + eps) / (sum p^2 + sum y^2 + eps) for every channel of [n, ..., c] over the batch, or with `per_sample` over each sample; then the mean. `squared = false` has sum p + sum y below the line. `mask` weighs the elements. F. Milletari et al., V-Net, 2016.
---@param target ss.tensor|number
---@param mask? ss.tensor|number
---@param squared? boolean
---@param eps? number
---@param per_sample? boolean
---@return ss.tensor
function tensor:soft_dice(target, mask, squared, eps, per_sample) end

---Exponentials along `dim`, scaled to sum 1; the largest is subtracted first.
---@param x ss.tensor|number
---@param dim? integer
---@return ss.tensor
function ss.softmax(x, dim) end

---Exponentials along `dim`, scaled to sum 1; the largest is subtracted first.
---@param dim? integer
---@return ss.tensor
function tensor:softmax(dim) end

---Multiply every element by its own factor of mean 1 and deviation `std`, a Rayleigh variable drawn towards 1 (std = 0.5227 is the Rayleigh variable itself), and limit the result to [lo, hi]. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param x ss.tensor|number
---@param key integer
---@param std number
---@param lo? number
---@param hi? number
---@return ss.tensor
function ss.speckle(x, key, std, lo, hi) end

---Multiply every element by its own factor of mean 1 and deviation `std`, a Rayleigh variable drawn towards 1 (std = 0.5227 is the Rayleigh variable itself), and limit the result to [lo, hi]. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c].
---@param key integer
---@param std number
---@param lo? number
---@param hi? number
---@return ss.tensor
function tensor:speckle(key, std, lo, hi) end

---offset + scale (2 u - 1), u in [0, 1) being the 24 high bits of SplitMix64 of key + i for the i-th element (row-major); computed in double and rounded once.
---@param shape integer[]
---@param key integer
---@param scale? number
---@param offset? number
---@return ss.tensor
function ss.splitmix(shape, key, scale, offset) end

---Square root; NaN below 0.
---@param x ss.tensor|number
---@return ss.tensor
function ss.sqrt(x) end

---Square root; NaN below 0.
---@return ss.tensor
function tensor:sqrt() end

---x times x. Integers are squared in 64 bits and saturate.
---@param x ss.tensor|number
---@return ss.tensor
function ss.square(x) end

---x times x. Integers are squared in 64 bits and saturate.
---@return ss.tensor
function tensor:square() end

---A view of x without the axes dims, which have size 1 (absent: without all such axes).
---@param x ss.tensor|number
---@param dims? integer[]
---@return ss.tensor
function ss.squeeze(x, dims) end

---A view of x without the axes dims, which have size 1 (absent: without all such axes).
---@param dims? integer[]
---@return ss.tensor
function tensor:squeeze(dims) end

---Tensors of one shape side by side along a new axis at place dim, counted from 1 in the result; negatives from the end. Element types are promoted.
---@param ... ss.tensor|number
---@return ss.tensor
function ss.stack(...) end

---a - b, broadcast. Integers are subtracted in 64 bits and saturate to the result's type.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.sub(a, b) end

---a - b, broadcast. Integers are subtracted in 64 bits and saturate to the result's type.
---@param b ss.tensor|number
---@return ss.tensor
function tensor:sub(b) end

---Sum over dims (absent: all axes), accumulated in f64. Integers and bool give i64.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function ss.sum(x, dims, keepdim) end

---Sum over dims (absent: all axes), accumulated in f64. Integers and bool give i64.
---@param dims? integer[]
---@param keepdim? boolean
---@return ss.tensor
function tensor:sum(dims, keepdim) end

---Sum of the squares of all elements as an f32 scalar, accumulated in double. Carries no gradient.
---@param x ss.tensor|number
---@return ss.tensor
function ss.sum_squares(x) end

---Sum of the squares of all elements as an f32 scalar, accumulated in double. Carries no gradient.
---@return ss.tensor
function tensor:sum_squares() end

---Distances between the surfaces of two masks as [8] (per volume: [n,8]): hd95 of both directions pooled (medpy), larger of the two directed hd95 (MONAI), mean distance a to b, b to a, mean of these two (ASSD), Hausdorff distance, surface voxels of a, of b. A surface voxel is inside with one of its 6 neighbours outside or beyond the volume; percentiles are linear. `spacing`: one number or (z, y, x), default 1. Distances are NaN when a mask is empty. Masks as in connected_components.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@param spacing? ss.tensor|number
---@return ss.tensor
function ss.surface_distances(a, b, spacing) end

---Distances between the surfaces of two masks as [8] (per volume: [n,8]): hd95 of both directions pooled (medpy), larger of the two directed hd95 (MONAI), mean distance a to b, b to a, mean of these two (ASSD), Hausdorff distance, surface voxels of a, of b. A surface voxel is inside with one of its 6 neighbours outside or beyond the volume; percentiles are linear. `spacing`: one number or (z, y, x), default 1. Distances are NaN when a mask is empty. Masks as in connected_components.
---@param b ss.tensor|number
---@param spacing? ss.tensor|number
---@return ss.tensor
function tensor:surface_distances(b, spacing) end

---Hyperbolic tangent.
---@param x ss.tensor|number
---@return ss.tensor
function ss.tanh(x) end

---Hyperbolic tangent.
---@return ss.tensor
function tensor:tanh() end

---Multiply an image by exp(slope * (t - 1/2)), t running from 0 at the near to 1 at the far end of the beam axis (index 0 is at the probe), and limit it to [lo, hi]. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c]; `beam` names the axis whatever the layout.
---@param x ss.tensor|number
---@param slope number
---@param beam? "z"|"y"|"x"
---@param lo? number
---@param hi? number
---@return ss.tensor
function ss.tgc_tilt(x, slope, beam, lo, hi) end

---Multiply an image by exp(slope * (t - 1/2)), t running from 0 at the near to 1 at the far end of the beam axis (index 0 is at the probe), and limit it to [lo, hi]. Images are [d,h,w], [d,h,w,c] or [n,d,h,w,c]; `beam` names the axis whatever the layout.
---@param slope number
---@param beam? "z"|"y"|"x"
---@param lo? number
---@param hi? number
---@return ss.tensor
function tensor:tgc_tilt(slope, beam, lo, hi) end

---A view of x with axes dim1 and dim2 exchanged.
---@param x ss.tensor|number
---@param dim1 integer
---@param dim2 integer
---@return ss.tensor
function ss.transpose(x, dim1, dim2) end

---A view of x with axes dim1 and dim2 exchanged.
---@param dim1 integer
---@param dim2 integer
---@return ss.tensor
function tensor:transpose(dim1, dim2) end

---Uniform random numbers in [lo, hi). Element i (row-major) is lane i % 4 of Philox block i / 4 under `key`, with 24 random bits: the same key gives the same numbers.
---@param shape integer[]
---@param key integer
---@param lo? number
---@param hi? number
---@return ss.tensor
function ss.uniform(shape, key, lo, hi) end

---A view of x with a new axis of size 1 at place dim, counted from 1 in the result; negatives from the end.
---@param x ss.tensor|number
---@param dim integer
---@return ss.tensor
function ss.unsqueeze(x, dim) end

---A view of x with a new axis of size 1 at place dim, counted from 1 in the result; negatives from the end.
---@param dim integer
---@return ss.tensor
function tensor:unsqueeze(dim) end

---Variance over dims (absent: all axes): mean squared distance from the mean, or with `unbiased` divided by one less than the count. NaN of nothing.
---@param x ss.tensor|number
---@param dims? integer[]
---@param keepdim? boolean
---@param unbiased? boolean
---@return ss.tensor
function ss.var(x, dims, keepdim, unbiased) end

---Variance over dims (absent: all axes): mean squared distance from the mean, or with `unbiased` divided by one less than the count. NaN of nothing.
---@param dims? integer[]
---@param keepdim? boolean
---@param unbiased? boolean
---@return ss.tensor
function tensor:var(dims, keepdim, unbiased) end

---Adds the map `x` to `state` [3, ...] = mean, sum of squared deviations, sum of weights (zeros at the start); `weight` leaves out or weighs single positions. The population variance is state[2] / state[3].
---@param state ss.tensor|number
---@param x ss.tensor|number
---@param weight? ss.tensor|number
function ss.welford_(state, x, weight) end

---Adds the map `x` to `state` [3, ...] = mean, sum of squared deviations, sum of weights (zeros at the start); `weight` leaves out or weighs single positions. The population variance is state[2] / state[3].
---@param x ss.tensor|number
---@param weight? ss.tensor|number
function tensor:welford_(x, weight) end

---a where cond is true (anything but zero), b elsewhere, broadcast.
---@param cond ss.tensor|number
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function ss.where(cond, a, b) end

---a where cond is true (anything but zero), b elsewhere, broadcast.
---@param a ss.tensor|number
---@param b ss.tensor|number
---@return ss.tensor
function tensor:where(a, b) end

return ss

# Included by kernels/cuda.cmake where nvcc is found: the target semisam_cuda.
get_filename_component(nvcc_real ${NVCC} REALPATH)
get_filename_component(cuda_root ${nvcc_real}/../.. ABSOLUTE)
find_path(CUDA_INCLUDE cuda_runtime_api.h HINTS ${cuda_root}/include ${cuda_root}/targets/x86_64-linux/include)
find_library(CUDART_STATIC libcudart_static.a
  HINTS ${cuda_root}/lib64 ${cuda_root}/targets/x86_64-linux/lib)
if(NOT CUDA_INCLUDE OR NOT CUDART_STATIC)
  message(STATUS "CUDA module: ${NVCC} has no headers or no libcudart_static.a beside it, so it is not built")
  return()
endif()

# The capabilities this toolkit knows of those wanted, and code for later ones from the newest.
execute_process(COMMAND ${NVCC} --list-gpu-arch OUTPUT_VARIABLE known OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${NVCC} --version OUTPUT_VARIABLE nvcc_version)
string(REGEX MATCH "release ([0-9.]+)" nvcc_version "${nvcc_version}")
set(nvcc_version ${CMAKE_MATCH_1})
string(REGEX MATCHALL "[0-9]+" known "${known}")
set(cuda_archs "")
foreach(a ${SEMISAM_CUDA_ARCHS})
  if(a IN_LIST known)
    list(APPEND cuda_archs ${a})
  endif()
endforeach()
if(NOT cuda_archs)
  message(FATAL_ERROR "SEMISAM_CUDA_ARCHS: nvcc ${nvcc_version} knows none of ${SEMISAM_CUDA_ARCHS}")
endif()
set(gencode "")
foreach(a ${cuda_archs})
  list(APPEND gencode -gencode=arch=compute_${a},code=sm_${a})
  set(newest ${a})
endforeach()
list(APPEND gencode -gencode=arch=compute_${newest},code=compute_${newest})
list(JOIN cuda_archs " sm_" arch_words)
message(STATUS "CUDA module: nvcc ${nvcc_version}, sm_${arch_words} (target semisam_cuda)")

# Sums and products are rounded as they are written, as on the CPU: -fmad=false. What should be
# fused says fmaf.
set(nvcc_flags -std=c++17 -O3 -fmad=false -I${CMAKE_SOURCE_DIR}/kernels
  -Xptxas=-v -Xfatbin=-compress-all -Xcompiler=-fPIC,-fvisibility=hidden,-fno-exceptions,-fno-threadsafe-statics,-Wall,-Wno-unused-function)
if(SEMISAM_WERROR)
  list(APPEND nvcc_flags -Werror=all-warnings)
endif()

# cuda_compile(OUT FILE FLAGS...) — OUT from kernels/FILE.cu, the words of ptxas in OUT.log
function(cuda_compile out op)
  add_custom_command(OUTPUT ${out}
    COMMAND sh ${CMAKE_SOURCE_DIR}/kernels/cuda/quiet.sh ${out}.log ${CCACHE} ${NVCC} ${nvcc_flags} ${ARGN}
      -MD -MF ${out}.d ${CMAKE_SOURCE_DIR}/kernels/${op}.cu -o ${out}
    DEPENDS ${CMAKE_SOURCE_DIR}/kernels/${op}.cu
    DEPFILE ${out}.d
    COMMENT "Building CUDA object ${op}.cu (sm_${arch_words})"
    VERBATIM)
endfunction()

set(cuda_objects "")
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/cuda/cuda)
set(device_code ${twin_names})
foreach(f ${cuda_kernel_files})
  get_filename_component(stem ${f} NAME_WE)
  list(APPEND device_code cuda/${stem})
endforeach()
foreach(op ${device_code})
  cuda_compile(${CMAKE_BINARY_DIR}/cuda/${op}.o ${op} -c ${gencode})
  list(APPEND cuda_objects ${CMAKE_BINARY_DIR}/cuda/${op}.o)
endforeach()
set_source_files_properties(${cuda_objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)

add_library(semisam_cuda MODULE EXCLUDE_FROM_ALL ${cuda_host_files} ${cuda_helpers} ${cuda_objects})
set_target_properties(semisam_cuda PROPERTIES PREFIX "" LINKER_LANGUAGE C)
target_include_directories(semisam_cuda PRIVATE ${CMAKE_SOURCE_DIR}/kernels
  ${CMAKE_BINARY_DIR})
target_include_directories(semisam_cuda SYSTEM PRIVATE ${CUDA_INCLUDE})
target_compile_definitions(semisam_cuda PRIVATE "SS_CUDA_BUILD=\"CUDA ${nvcc_version}, sm_${arch_words}\"")
# The runtime is inside, and only the module's door is seen from outside; the driver and the
# libraries are found at run time.
target_link_libraries(semisam_cuda PRIVATE ss_flags ${CUDART_STATIC} Threads::Threads ${CMAKE_DL_LIBS} rt m)
target_link_options(semisam_cuda PRIVATE -static-libgcc -Wl,--exclude-libs,ALL -Wl,--no-undefined)
install(TARGETS semisam_cuda LIBRARY DESTINATION lib/semisam OPTIONAL)

# ---- checks of tests/run ----------------------------------------------------------------
# cuda_matrix: device code for every capability of the toolkit that semisam_cuda was not built for.
# Only __CUDA_ARCH__ can make a twin differ there: all files that see it are compiled, and of the
# others the first that includes each header of kernels/cuda. cuda_matrix_all: every twin. Objects,
# not fatbins: ccache keeps those alone.
set(other_archs "")
foreach(a 80 86 89 90 100 120)
  if(a IN_LIST known AND NOT a IN_LIST cuda_archs)
    list(APPEND other_archs -gencode=arch=compute_${a},code=sm_${a})
  endif()
endforeach()
file(GLOB cuda_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/cuda/*.h)
set(arch_headers "")
foreach(h ${cuda_headers})
  file(STRINGS ${h} hits REGEX "__CUDA_ARCH__")
  get_filename_component(name ${h} NAME)
  if(hits)
    list(APPEND arch_headers ${name})
  endif()
endforeach()
set(matrix "")
set(matrix_all "")
set(headers_seen "")
foreach(op ${device_code})
  file(STRINGS ${CMAKE_SOURCE_DIR}/kernels/${op}.cu lines REGEX "__CUDA_ARCH__|#include")
  set(wanted FALSE)
  foreach(line ${lines})
    if(line MATCHES "__CUDA_ARCH__")
      set(wanted TRUE)
    elseif(line MATCHES "\"cuda/([a-z0-9_]+\\.h)\"")
      if(CMAKE_MATCH_1 IN_LIST arch_headers OR NOT CMAKE_MATCH_1 IN_LIST headers_seen)
        set(wanted TRUE)
      endif()
      list(APPEND headers_seen ${CMAKE_MATCH_1})
    endif()
  endforeach()
  if(other_archs)
    cuda_compile(${CMAKE_BINARY_DIR}/cuda/${op}.matrix ${op} -c ${other_archs})
    list(APPEND matrix_all ${CMAKE_BINARY_DIR}/cuda/${op}.matrix)
    if(wanted)
      list(APPEND matrix ${CMAKE_BINARY_DIR}/cuda/${op}.matrix)
    endif()
  endif()
endforeach()
add_custom_target(cuda_matrix DEPENDS ${matrix})
add_custom_target(cuda_matrix_all DEPENDS ${matrix_all})

# cuda_sm70: nvcc 13 has no sm_70, but clang makes code for it, and ptxas refuses there what Volta
# does not have, although it assembles for sm_75. CUDA 13 lacks one header that clang asks for.
find_program(CLANG_CUDA NAMES clang++-19 clang++-18 clang++-17 clang++-16)
get_filename_component(nvcc_folder ${nvcc_real} DIRECTORY)
find_program(PTXAS ptxas HINTS ${nvcc_folder})
if(CLANG_CUDA AND PTXAS)
  file(WRITE ${CMAKE_BINARY_DIR}/cuda/overlay/texture_fetch_functions.h "")
  set(sm70 "")
  foreach(op ${device_code})
    set(out ${CMAKE_BINARY_DIR}/cuda/${op}.sm70)
    add_custom_command(OUTPUT ${out}.ptxas
      COMMAND sh ${CMAKE_SOURCE_DIR}/kernels/cuda/quiet.sh ${out}.log ${CCACHE} ${CLANG_CUDA} -x cuda -std=c++17 -O2
        -ffp-contract=off -I${CMAKE_BINARY_DIR}/cuda/overlay -I${CMAKE_SOURCE_DIR}/kernels
        --cuda-path=${cuda_root} --cuda-gpu-arch=sm_70
        --cuda-device-only -Wno-unknown-cuda-version -S -MD -MF ${out}.d -MT ${out}.ptxas
        ${CMAKE_SOURCE_DIR}/kernels/${op}.cu -o ${out}.ptx
      COMMAND sh ${CMAKE_SOURCE_DIR}/kernels/cuda/quiet.sh ${out}.ptxas ${PTXAS} -arch=sm_75 -v ${out}.ptx
        -o /dev/null
      DEPENDS ${CMAKE_SOURCE_DIR}/kernels/${op}.cu
      DEPFILE ${out}.d
      COMMENT "Checking ${op}.cu for sm_70"
      VERBATIM)
    list(APPEND sm70 ${out}.ptxas)
  endforeach()
  add_custom_target(cuda_sm70 DEPENDS ${sm70})
endif()

// From here on code is compiled for the instruction set LOOKBACK_ISA. Standard headers come before:
// their functions are shared with the rest of the program and must run on any processor.
#pragma once

#ifdef LOOKBACK_ISA_avx512
#include <immintrin.h>
#endif

#if defined(LOOKBACK_ISA_avx512)
// AVX512_BF16 serves named instructions alone, which run where the processor has them.
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")
#pragma GCC target("prefer-vector-width=512")
#elif defined(LOOKBACK_ISA_avx2)
#pragma GCC target("avx2,fma")
#endif

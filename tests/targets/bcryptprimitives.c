/* The library that Rust's std for Windows takes random numbers from. Wine 8.0 has none; where there is one, it is found
   first. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len) {
    return SystemFunction036(data, len);
}

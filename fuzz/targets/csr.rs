#![no_main]

spdm_fuzz::messages!(GetCsr, Csr);

#![no_main]

spdm_fuzz::messages!(GetDigests, Digests);

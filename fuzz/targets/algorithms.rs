#![no_main]

spdm_fuzz::messages!(NegotiateAlgorithms, Algorithms);

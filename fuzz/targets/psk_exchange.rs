#![no_main]

spdm_fuzz::messages!(PskExchange, PskExchangeRsp);

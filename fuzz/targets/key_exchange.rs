#![no_main]

spdm_fuzz::messages!(KeyExchange, KeyExchangeRsp);

#![no_main]

spdm_fuzz::messages!(ChunkSend, ChunkSendAck, ChunkGet, ChunkResponse);

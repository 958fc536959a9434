#!/usr/bin/env python3
"""An IDE controller with one ATA disk, for QEMU's vfio-user-pci, so that Linux' own libata talks to a drive that knows SPDM.

    ata_disk.py SOCKET PORT     serves one QEMU on SOCKET; `spdm emulate --framing dmtf-emu --binding ata` listens on PORT

The disk moves data by PIO only, has no content, and takes TRUSTED SEND and RECEIVE. A test tool.
"""
import array
import os
import socket
import struct
import sys

SECTORS = 2048
BUSY_FREE, DRQ, ERR = 0x50, 0x08, 0x01


def text(words, value):
    """ATA strings have the first character of a word in its high byte."""
    value = value.ljust(words * 2).encode()
    return b"".join(bytes((value[i + 1], value[i])) for i in range(0, len(value), 2))


def identify():
    words = [0] * 256
    for number, value in {
        0: 0x0040, 48: 0x4001, 49: 0x0200, 50: 0x4000, 53: 2, 60: SECTORS, 64: 3, 65: 120, 66: 120, 67: 120, 68: 120,
        80: 0x07F0, 82: 0x4000, 83: 0x4400, 84: 0x4020, 85: 0x4000, 86: 0x0400, 87: 0x4020, 100: SECTORS,
    }.items():
        words[number] = value
    data = bytearray(struct.pack("<256H", *words))
    data[20:40], data[46:54], data[54:94] = text(10, "ATA42"), text(4, "1.0"), text(20, "SPDM DISK UNDER LIBATA")
    return bytes(data)


def log_page(log, page):
    data = bytearray(512)
    if log == 0:  # which logs there are, and how many pages they have
        data[0] = 1
        struct.pack_into("<H", data, 0x60, 7)
    elif page == 0:  # Identify Device data: its pages
        data[8:11] = bytes((2, 0, 6))
    elif page == 6:  # Security: TRUSTED commands
        struct.pack_into("<Q", data, 40, 0x8000000000000001)
    return bytes(data)


class Device:
    """The other half of the drive, behind a socket: one security command is a frame there and one or two back."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                sys.exit("the emulated device is gone")
            data += part
        return data

    def command(self, protocol, specific, length, data):
        """None where the drive refuses."""
        payload = struct.pack("<BHI", protocol, specific, length) + data
        self.socket.sendall(struct.pack(">III", 2 if data else 3, 5, len(payload)) + payload)
        if self.read(14)[12:] != b"\0\0":
            return None
        if data:
            return b""
        size = struct.unpack(">III", self.read(12))[2]
        return self.read(size)


class Disk:
    def __init__(self, device, interrupt):
        self.device, self.interrupt = device, interrupt
        self.reset()

    def reset(self):
        self.now, self.before = bytearray((0, 0, 1, 1, 0, 0, 0, 0)), bytearray(8)
        self.status, self.error, self.control = BUSY_FREE, 1, 0
        self.data, self.finish, self.out = b"", None, 0

    def selected(self):
        return self.now[6] & 0x10 == 0

    def wide(self, number):
        return self.now[number] | self.before[number] << 8

    def irq(self, level):
        self.interrupt(level and self.control & 2 == 0)

    def done(self, error=0):
        self.status, self.error = BUSY_FREE | (ERR if error else 0), error
        self.data, self.finish = b"", None
        self.irq(True)

    def to_host(self, data):
        self.data, self.out, self.status, self.error = data, 0, BUSY_FREE | DRQ, 0
        self.irq(True)

    def from_host(self, length, finish):
        self.data, self.out, self.status, self.error = b"", length, BUSY_FREE | DRQ, 0
        self.finish = finish

    def command(self, command):
        count, feature = self.now[2], self.now[1]
        specific, blocks = self.now[5] << 8 | self.now[4], self.now[3] << 8 | self.now[2]
        if 0x5C <= command <= 0x5F:
            print(f"command {command:02x} of security protocol {feature:02x}, {specific:04x}, {blocks} blocks", flush=True)
        if command == 0xEC:
            self.to_host(identify())
        elif command == 0x2F:
            first, log = self.wide(4), self.now[3]
            self.to_host(b"".join(log_page(log, first + i) for i in range(max(count, 1))))
        elif command in (0x20, 0x24, 0x29, 0xC4):
            self.to_host(bytes(512 * (count or 256)))
        elif command == 0x5C and blocks:
            if (feature, specific) == (0, 0):
                data = bytes((0, 0, 0, 0, 0, 0, 0, 2, 0x00, 0xE8))
            else:
                data = self.device.command(feature, specific, 512 * blocks, b"")
            if data is None:
                self.done(4)
            else:
                self.to_host(data.ljust(512 * blocks, b"\0"))
        elif command == 0x5E and blocks:
            def send(data):
                taken = self.device.command(feature, specific, len(data), data)
                self.done(4 if taken is None else 0)
            self.from_host(512 * blocks, send)
        elif command in (0x10, 0x40, 0x42, 0x91, 0xC6, 0xE0, 0xE1, 0xE5, 0xE7, 0xEA, 0xEF):
            self.done()
        else:
            self.done(4)

    def read(self, number, size):
        if number == 0:
            part, self.data = self.data[:size], self.data[size:]
            if self.status & DRQ and not self.out:
                if not self.data:
                    self.status = BUSY_FREE
                elif len(self.data) % 512 == 0:
                    self.irq(True)
            return part.ljust(size, b"\xff")
        registers = self.before if self.control & 0x80 else self.now
        if not self.selected() and number == 7:
            return b"\0"
        if number == 7:
            self.irq(False)
            return bytes((self.status,))
        return bytes((self.error if number == 1 else registers[number],))

    def write(self, number, data):
        if number == 0:
            if not self.out:
                return
            self.data += data
            if len(self.data) >= self.out:
                data, finish = self.data[: self.out], self.finish
                self.out = 0
                finish(data)
            elif len(self.data) % 512 == 0:
                self.irq(True)
        elif number == 7:
            self.irq(False)
            if self.selected():
                self.command(data[0])
        else:
            self.before[number], self.now[number] = self.now[number], data[0]

    def write_control(self, value):
        if self.control & 4 and not value & 4:
            self.reset()
        self.control = value & ~4 if not value & 4 else value
        if value & 2:
            self.irq(False)


class Controller:
    """The server's end of vfio-user: a PCI function with two I/O regions and INTx."""

    def __init__(self, connection, device):
        self.connection, self.event, self.level, self.masked = connection, None, False, False
        self.disk = Disk(device, self.set_level)
        self.config = bytearray(256)
        # Vendor and device of a generic controller, class IDE with both channels native, BAR0 and BAR1, INTA.
        self.config[0:4] = struct.pack("<HH", 0x1234, 0x0F1D)
        self.config[9:12] = bytes((0x0F, 0x01, 0x01))
        self.config[0x10], self.config[0x14], self.config[0x3D] = 1, 1, 1

    def set_level(self, level):
        self.level = level
        self.trigger()

    def trigger(self):
        if self.level and not self.masked and self.event is not None:
            self.masked = True
            os.write(self.event, struct.pack("<Q", 1))

    def region_size(self, index):
        return {0: 8, 1: 4, 7: 256}.get(index, 0)

    def read(self, region, offset, count):
        if region == 7:
            return bytes(self.config[offset : offset + count])
        if region == 0:
            return self.disk.read(offset, count)
        if region == 1 and offset == 2:
            return bytes((self.disk.status if self.disk.selected() else 0,))
        return b"\0" * count

    def write(self, region, offset, data):
        if region == 7:
            for at, byte in enumerate(data, offset):
                if at in (4, 5, 0x3C):
                    self.config[at] = byte
                elif 0x10 <= at < 0x18:
                    base, size = (0x10, 8) if at < 0x14 else (0x14, 4)
                    self.config[at] = byte
                    self.config[base] = self.config[base] & ~(size - 1) & 0xFF | 1
        elif region == 0:
            self.disk.write(offset, data)
        elif region == 1 and offset == 2:
            self.disk.write_control(data[0])

    def answer(self, command, payload, files):
        if command == 1:
            return struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":8}}\0'
        if command == 3:
            return payload
        if command == 4:
            return struct.pack("<IIII", 16, 3, 9, 5)
        if command == 5:
            index = struct.unpack_from("<I", payload, 8)[0]
            size = self.region_size(index)
            return struct.pack("<IIIIQQ", 32, 3 if size else 0, index, 0, size, 0)
        if command == 7:
            index = struct.unpack_from("<I", payload, 8)[0]
            return struct.pack("<IIII", 16, 7 if index == 0 else 0, index, 1 if index == 0 else 0)
        if command == 8:
            _, flags, index, _, count = struct.unpack_from("<IIIII", payload)
            if index == 0:
                if flags & 0x20 and flags & 4 and files:
                    self.event = files.pop(0)
                elif flags & 0x20 and count == 0:
                    self.event = None
                if flags & 8:
                    self.masked = True
                if flags & 0x10:
                    self.masked = False
                    self.trigger()
            return b""
        if command == 9:
            offset, region, count = struct.unpack_from("<QII", payload)
            return struct.pack("<QII", offset, region, count) + self.read(region, offset, count)
        if command == 10:
            offset, region, count = struct.unpack_from("<QII", payload)
            self.write(region, offset, payload[16 : 16 + count])
            return struct.pack("<QII", offset, region, count)
        if command == 13:
            self.disk.reset()
        return b""

    def serve(self):
        while True:
            header, files = b"", []
            while len(header) < 16:
                part, ancillary, _, _ = self.connection.recvmsg(16 - len(header), socket.CMSG_SPACE(64))
                if not part:
                    return
                header += part
                for _, _, data in ancillary:
                    fds = array.array("i")
                    fds.frombytes(data[: len(data) - len(data) % 4])
                    files += list(fds)
            ident, command, size, flags, _ = struct.unpack("<HHIII", header)
            payload = b""
            while len(payload) < size - 16:
                payload += self.connection.recv(size - 16 - len(payload))
            reply = self.answer(command, payload, files)
            for unused in files:
                os.close(unused)
            if not flags & 0x10:
                self.connection.sendall(struct.pack("<HHIII", ident, command, 16 + len(reply), 1, 0) + reply)


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("listening", flush=True)
    connection, _ = listener.accept()
    Controller(connection, Device(port)).serve()


main()

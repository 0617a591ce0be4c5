package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The bounds of both transports. A frame is what MODBUS calls an ADU, and holds a PDU: the function and its data.
const (
	maxPDU      = 253 // MODBUS Application Protocol Specification V1.1b3, section 4.1
	headerSize  = 7   // of TCP, the MBAP header: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3
	crcSize     = 2   // of RTU: MODBUS over Serial Line Specification V1.02, section 2.5.1.2
	maxUnitRTU  = 247 // the same, section 2.2; 0 is a broadcast and the rest reserved
	unitSizeRTU = 1
)

type transport string

const (
	rtu transport = "rtu"
	tcp transport = "tcp"
)

// frame is a PDU and how it travels.
type frame struct {
	transport   transport
	transaction uint16 // of tcp
	unit        byte
	pdu         []byte
}

// bytes returns the frame as it is sent.
func (f frame) bytes() []byte {
	if f.transport == tcp {
		out := binary.BigEndian.AppendUint16(nil, f.transaction)
		out = binary.BigEndian.AppendUint16(out, 0)                    // the protocol is MODBUS
		out = binary.BigEndian.AppendUint16(out, uint16(1+len(f.pdu))) //nolint:gosec // 254 at most
		return append(append(out, f.unit), f.pdu...)
	}
	out := append([]byte{f.unit}, f.pdu...)
	return binary.LittleEndian.AppendUint16(out, crc16(out))
}

// crc16 returns the checksum of RTU (MODBUS over Serial Line Specification V1.02, section 6.2.2), which is sent low
// byte first.
func crc16(data []byte) uint16 {
	crc := uint16(0xffff)
	for _, b := range data {
		crc ^= uint16(b)
		for range 8 {
			carry := crc & 1
			crc >>= 1
			if carry != 0 {
				crc ^= 0xa001
			}
		}
	}
	return crc
}

// readFrame takes data for a frame of the transport, or, when that is "", of the one that it fits.
func readFrame(data []byte, t transport) (frame, error) {
	switch t {
	case rtu:
		return readRTU(data)
	case tcp:
		return readTCP(data)
	}
	asTCP, tcpErr := readTCP(data)
	asRTU, rtuErr := readRTU(data)
	switch {
	case tcpErr == nil && rtuErr == nil:
		return frame{}, errors.New("the bytes can be a frame of TCP and of RTU; " +
			`say which: {"transport": "tcp", "frame": ...}`)
	case tcpErr == nil:
		return asTCP, nil
	case rtuErr == nil:
		return asRTU, nil
	}
	return frame{}, fmt.Errorf("this is a frame neither of TCP (%w) nor of RTU (%w)", tcpErr, rtuErr)
}

func readTCP(data []byte) (frame, error) {
	if len(data) < headerSize+1 {
		return frame{}, fmt.Errorf("it has %d bytes, and the shortest has %d", len(data), headerSize+1)
	}
	if protocol := binary.BigEndian.Uint16(data[2:]); protocol != 0 {
		return frame{}, fmt.Errorf("its protocol identifier is %d, and that of MODBUS is 0", protocol)
	}
	length := int(binary.BigEndian.Uint16(data[4:]))
	if follow := len(data) - (headerSize - 1); length != follow {
		return frame{}, fmt.Errorf("its header says that %d bytes follow, and %d do", length, follow)
	}
	pdu := data[headerSize:]
	if len(pdu) > maxPDU {
		return frame{}, fmt.Errorf("it has %d bytes, and the longest has %d", len(data), headerSize+maxPDU)
	}
	return frame{tcp, binary.BigEndian.Uint16(data), data[headerSize-1], pdu}, nil
}

func readRTU(data []byte) (frame, error) {
	const least, most = unitSizeRTU + 1 + crcSize, unitSizeRTU + maxPDU + crcSize
	if len(data) < least {
		return frame{}, fmt.Errorf("it has %d bytes, and the shortest has %d", len(data), least)
	}
	if len(data) > most {
		return frame{}, fmt.Errorf("it has %d bytes, and the longest has %d", len(data), most)
	}
	body, sum := data[:len(data)-crcSize], data[len(data)-crcSize:]
	if got, want := binary.LittleEndian.Uint16(sum), crc16(body); got != want {
		return frame{}, fmt.Errorf("its checksum is %02x %02x, and that of its other bytes is %02x %02x",
			sum[0], sum[1], byte(want), byte(want>>8)) //nolint:gosec // its two bytes
	}
	if body[0] > maxUnitRTU {
		return frame{}, fmt.Errorf("its unit is %d, and they are numbered 0 to %d", body[0], maxUnitRTU)
	}
	return frame{rtu, 0, body[0], body[unitSizeRTU:]}, nil
}

package main

// items counts the data items of well-formed CBOR, those within others and the ends of indefinite lengths too.
func items(data []byte) int {
	n := 0
	for ; len(data) > 0; n++ {
		data = data[itemSize(data):]
	}
	return n
}

// The parts of the first byte of a data item (RFC 8949 §3).
const (
	majorBytes = 2 // byte strings
	majorText  = 3 // text strings

	infoByte       = 24 // the argument is in the next byte, or in the next 2, 4 or 8 with 25, 26 and 27
	infoLast       = 27
	infoIndefinite = 31
)

// itemSize returns how many bytes the first data item has itself, without what lies within it.
func itemSize(data []byte) int {
	major, info := data[0]>>5, data[0]&0x1f
	head, argument := 1, uint64(info)
	if info >= infoByte && info <= infoLast {
		head += 1 << (info - infoByte)
		argument = 0
		for _, b := range data[1:head] {
			argument = argument<<8 | uint64(b)
		}
	}
	if (major == majorBytes || major == majorText) && info != infoIndefinite {
		return head + int(argument) // well-formed: data is at least as long
	}
	return head
}

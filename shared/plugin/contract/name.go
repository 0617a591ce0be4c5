package contract

import (
	"fmt"
	"strings"
)

// Transport is how host and plugin talk, and the second part of the name of a plugin's file.
type Transport string

// The transports.
const (
	GRPC Transport = "grpc" // https://grpc.io
	RPC  Transport = "rpc"  // https://pkg.go.dev/net/rpc
)

// Name is the name of a plugin's file, which says what it is: protocol-grpc-cbor.
type Name struct {
	File      string    // the whole of it
	Transport Transport // grpc
	Short     string    // cbor
}

// longestShort is how many characters the last part of a name may have.
const longestShort = 63

// ParseName reads the name of a file. The error says what a name must be.
func ParseName(file string) (Name, error) {
	rest, ours := strings.CutPrefix(file, "protocol-")
	transport, short, _ := strings.Cut(rest, "-")
	known := transport == string(GRPC) || transport == string(RPC)
	if !ours || !known || !shortName(short) {
		return Name{}, fmt.Errorf("%q is no plugin's name; call it protocol-grpc-NAME or protocol-rpc-NAME, NAME being "+
			"up to %d of a-z, 0-9, _ and -, and beginning with a letter or digit", file, longestShort)
	}
	return Name{File: file, Transport: Transport(transport), Short: short}, nil
}

// shortName tells whether s can be the last part of a name. An expression would be compiled at every start of a
// program, also of those that have no plugins.
func shortName(s string) bool {
	if s == "" || len(s) > longestShort || s[0] == '_' || s[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

package contract

import (
	"fmt"
	"regexp"
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

var namePattern = regexp.MustCompile(`^protocol-(grpc|rpc)-([a-z0-9][a-z0-9_-]{0,62})$`)

// ParseName reads the name of a file. The error says what a name must be.
func ParseName(file string) (Name, error) {
	m := namePattern.FindStringSubmatch(file)
	if m == nil {
		return Name{}, fmt.Errorf("%q is no plugin's name; call it protocol-grpc-NAME or protocol-rpc-NAME, NAME being "+
			"up to 63 of a-z, 0-9, _ and -, and beginning with a letter or digit", file)
	}
	return Name{File: file, Transport: Transport(m[1]), Short: m[2]}, nil
}

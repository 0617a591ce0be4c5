package testkit

import (
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"testing"
)

// OwnAddress returns an address of the loopback interface for this test alone. It is for a server that is stopped while
// its clients go on dialing: on 127.0.0.1 its port could be another test's server by then. Only Linux has all of
// 127.0.0.0/8 (RFC 1122 §3.2.1.3) without being told; elsewhere it is 127.0.0.1.
func OwnAddress(t testing.TB) string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%d %s", os.Getpid(), t.Name())
	sum := hash.Sum32()
	return fmt.Sprintf("127.%d.%d.%d", 128|sum>>16&127, sum>>8&255, 1+sum%254)
}

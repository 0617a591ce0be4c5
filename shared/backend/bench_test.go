package backend_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/podinfo-targets/podinfo/shared/backend"
)

// BenchmarkCall sends 1 KiB to one backend and back, beside net/http alone. The backend runs in the same process, so
// its share is in the figures of both.
func BenchmarkCall(b *testing.B) {
	url := serve(b, echo)
	body := bytes.Repeat([]byte("x"), 1<<10)
	b.Run("call", func(b *testing.B) {
		log, _ := logtest.NewNullLogger()
		c := backend.New(backend.Options{URLs: []string{url}, Version: "1", Revision: "2", Log: log})
		b.Cleanup(c.Close)
		b.ReportAllocs()
		for b.Loop() {
			if got := c.Call(b.Context(), http.Header{}, body); len(got[0]) != len(body) {
				b.Fatal(got)
			}
		}
	})
	b.Run("net-http", func(b *testing.B) {
		c := http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext}}
		b.Cleanup(c.CloseIdleConnections)
		b.ReportAllocs()
		for b.Loop() {
			r, err := c.Post(url, "", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadAll(r.Body); err != nil {
				b.Fatal(err)
			}
			_ = r.Body.Close()
		}
	})
}

// Command bare is the yardstick of the benchmark: a net/http server that answers given requests with given bytes and
// does nothing else. It reads its answers as JSON from the file in its second argument and listens on its first.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
)

// answer is what one path is answered with.
type answer struct {
	Path   string
	Status int
	Header [][2]string
	Body   string
	Echo   bool // the request's own body instead of Body
	Read   bool // read the request's body first
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(addr, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var answers []answer
	if err := json.Unmarshal(data, &answers); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/mallocs", mallocs)
	for _, a := range answers {
		mux.HandleFunc(a.Path, a.serve([]byte(a.Body)))
	}
	return http.ListenAndServe(addr, mux)
}

// serve is written the way one writes a handler without a second thought.
func (a answer) serve(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := body
		if a.Read || a.Echo {
			in, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			if a.Echo {
				out = in
			}
		}
		for _, h := range a.Header {
			w.Header().Set(h[0], h[1])
		}
		w.WriteHeader(a.Status)
		_, _ = w.Write(out)
	}
}

// mallocs tells how many objects the process has allocated so far.
func mallocs(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_, _ = io.WriteString(w, strconv.FormatUint(m.Mallocs, 10))
}

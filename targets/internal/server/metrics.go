package server

import (
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"

	"github.com/podinfo-targets/podinfo/shared/env"
)

// metricsHandler serves the port that only operators reach: metrics, the profiles of net/http/pprof, and a probe that
// tells that the process is there, whatever the API's own probes say.
func metricsHandler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "OK")
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// cmdline answers as net/http/pprof does, with the arguments apart by NUL bytes, but for the passwords in them.
func cmdline(w http.ResponseWriter, _ *http.Request) {
	args := make([]string, len(os.Args))
	for i, arg := range os.Args {
		args[i] = env.Redact(arg)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, strings.Join(args, "\x00"))
}

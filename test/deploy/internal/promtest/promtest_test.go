package promtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestQueryOverTwoScrapes(t *testing.T) {
	t.Parallel()
	var scrapes atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		count := "10"
		if scrapes.Add(1) == 2 {
			count = "40"
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "# TYPE requests_total counter\nrequests_total{status=\"200\"} "+count+"\n")
	}))
	t.Cleanup(server.Close)

	prometheus, start := New(t), time.Unix(1_700_000_000, 0)
	end := start.Add(30 * time.Second)
	prometheus.Scrape(t, server.URL, start, "pod", "one")
	prometheus.Scrape(t, server.URL, end, "pod", "one")
	for _, c := range []struct {
		query string
		want  []float64
	}{
		{`requests_total{pod="one", status="200"}`, []float64{40}},
		{`requests_total offset 30s`, []float64{10}},
		{`sum(delta(requests_total[1m])) > bool 0`, []float64{1}},
		{`requests_total{pod="two"}`, nil},
	} {
		got, err := prometheus.Query(t, c.query, end)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(got) != len(c.want) || len(got) == 1 && got[0].F != c.want[0] {
			t.Errorf("%s is %v, want the values %v", c.query, got, c.want)
		}
	}
}

func TestQueryNamesWhatDoesNotParse(t *testing.T) {
	t.Parallel()
	_, err := New(t).Query(t, "sum(", time.Now())
	if err == nil || !strings.Contains(err.Error(), "in sum(") {
		t.Errorf("error %v, want one that holds the expression", err)
	}
}

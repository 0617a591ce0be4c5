package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/deploy/internal/promtest"
	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

const scrapeEvery = 3 * time.Second

// control is what Flagger asks: gates, a load tester, a Prometheus that scrapes podinfo's pods, a way to the canary.
// The pods are reached through the API server, so that it works where their addresses lead nowhere from here.
type control struct {
	url        string
	open       atomic.Bool
	loads      atomic.Int64
	namespace  *kube.Namespace
	prometheus *promtest.Prometheus
}

func startControl(t *testing.T, n *kube.Namespace) *control {
	t.Helper()
	c := &control{namespace: n, prometheus: promtest.New(t)}
	mux := http.NewServeMux()
	mux.HandleFunc("/gate/check", func(w http.ResponseWriter, _ *http.Request) { approve(w, c.open.Load()) })
	mux.HandleFunc("/rollback/check", func(w http.ResponseWriter, _ *http.Request) { approve(w, false) })
	mux.HandleFunc("/canary/token", c.askCanary)
	mux.HandleFunc("/api/v1/query", func(w http.ResponseWriter, r *http.Request) { c.query(t, w, r) })
	mux.HandleFunc("/{$}", func(http.ResponseWriter, *http.Request) { c.loads.Add(1) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL

	ctx, stop := context.WithCancel(context.Background())
	var scraping sync.WaitGroup
	scraping.Go(func() { c.scrape(ctx) })
	t.Cleanup(func() { stop(); scraping.Wait() })
	return c
}

func (c *control) setGate(open bool) { c.open.Store(open) }

// approve answers a webhook of Flagger: it goes on after 200.
func approve(w http.ResponseWriter, open bool) {
	if !open {
		w.WriteHeader(http.StatusForbidden)
	}
}

// askCanary passes the webhook on to the Service of the canary.
func (c *control) askCanary(w http.ResponseWriter, _ *http.Request) {
	_, err := c.namespace.TryKubectlInput(`{"name":"podinfo"}`, "create", "--filename=-",
		"--raw=/api/v1/namespaces/"+c.namespace.Name+"/services/podinfo-canary:9898/proxy/token")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// query answers as the API of Prometheus does
// (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries).
func (c *control) query(t *testing.T, w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	vector, err := c.prometheus.Query(t, r.FormValue("query"), now)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	type sample struct {
		Metric map[string]string `json:"metric"`
		Value  []any             `json:"value"`
	}
	result := []sample{}
	for _, s := range vector {
		result = append(result, sample{s.Metric.Map(), []any{now.Unix(), strconv.FormatFloat(s.F, 'g', -1, 64)}})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": "success", "data": map[string]any{"resultType": "vector", "result": result},
	})
}

func (c *control) scrape(ctx context.Context) {
	ticker := time.NewTicker(scrapeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// A pod that cannot be read has no samples, as with any Prometheus.
		_ = c.scrapePods()
	}
}

func (c *control) scrapePods() error {
	pods, err := c.namespace.TryKubectl("get", "pods", "--selector=app.kubernetes.io/name in (podinfo, podinfo-primary)",
		"--field-selector=status.phase=Running", "--output=jsonpath={.items[*].metadata.name}")
	if err != nil {
		return err
	}
	for pod := range strings.FieldsSeq(pods) {
		path := fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:9797/proxy/metrics", c.namespace.Name, pod)
		text, err := c.namespace.TryKubectl("get", "--raw="+path)
		if err != nil {
			continue
		}
		err = c.prometheus.Add([]byte(text), "text/plain; version=0.0.4", time.Now(),
			"namespace", c.namespace.Name, "pod", pod)
		if err != nil {
			return err
		}
	}
	return nil
}

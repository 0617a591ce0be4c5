package knative

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// TestScaleToZeroAndBack takes the pods away by leaving the service alone, and has requests bring them back.
func TestScaleToZeroAndBack(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo", manifest(t, "service.yaml", published(), quick()))
	client := s.client(t, false)
	url := s.url(t, client)

	before, err := whoIs(client, url)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	s.idles(t)
	t.Logf("no pod was wanted %s after the last request", since(begin))
	s.vanish(t, "serving.knative.dev/service=podinfo")
	t.Logf("no pod was there %s after the last request", since(begin))

	begin = time.Now()
	after, err := whoIs(client, url)
	t.Logf("the first request after that took %s", since(begin))
	if err != nil || after.Hostname == before.Hostname {
		t.Errorf("the first request after the pause: %+v, %v; want another pod than %s", after, err, before.Hostname)
	}

	s.idles(t)
	s.vanish(t, "serving.knative.dev/service=podinfo")
	const burst = 20
	if lost := crowd(client, burst, http.MethodGet, url+"/version"); len(lost) > 0 {
		t.Errorf("%d of %d requests at once were lost while no pod was there: %v", len(lost), burst, lost)
	}
}

// TestConcurrencyScalesUp sends more requests at once than a pod should get.
func TestConcurrencyScalesUp(t *testing.T) {
	t.Parallel()
	const most = 4
	s := newService(t, "podinfo", manifest(t, "service.yaml", published(), quick(),
		edit{`/target: "50"`, `/target: "2"`}, edit{`/max-scale: "10"`, fmt.Sprintf(`/max-scale: "%d"`, most)}))
	client := s.client(t, false)
	url := s.url(t, client)

	ending := make(chan struct{})
	var load sync.WaitGroup
	var mu sync.Mutex
	var sent int
	var lost []string
	load.Go(func() {
		for {
			select {
			case <-ending:
				return
			default:
			}
			failed := crowd(client, 3*most, http.MethodGet, url+"/delay/1")
			mu.Lock()
			sent, lost = sent+3*most, append(lost, failed...)
			mu.Unlock()
		}
	})
	begin := time.Now()
	kube.Eventually(t, readyTimeout, strconv.Itoa(most)+" ready pods", func() bool {
		ready := s.get(t, "deployments", "{.items[0].status.readyReplicas}")
		return ready == strconv.Itoa(most)
	})
	t.Logf("from 1 pod to %d in %s", most, since(begin))
	close(ending)
	load.Wait()
	if len(lost) > 0 {
		t.Errorf("%d of %d requests were lost: %v", len(lost), sent, lost)
	}
	if n := len(strings.Fields(s.get(t, "pods", "{.items[*].metadata.name}"))); n > most {
		t.Errorf("there are %d pods, want %d at most", n, most)
	}
	s.idles(t)
}

// crowd sends count requests at once and returns what went wrong.
func crowd(client *http.Client, count int, method, url string) (lost []string) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	for range count {
		asking.Go(func() {
			got, err := ask(client, method, url, "")
			if err == nil && got.status == http.StatusOK {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			lost = append(lost, fmt.Sprintf("%d %.100s %v", got.status, got.body, err))
		})
	}
	asking.Wait()
	return lost
}

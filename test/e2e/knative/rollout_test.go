package knative

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/podinfo-targets/podinfo/test/e2e/kube"
)

// message is what traffic-split.yaml has its revision say.
const message = "greetings from the second revision"

// TestTrafficSplit counts who answers, by the shares and by the tags of traffic-split.yaml.
func TestTrafficSplit(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo", manifest(t, "service.yaml", published()))
	client := s.client(t, false)
	url := s.url(t, client)
	s.Apply(t, manifest(t, "traffic-split.yaml", published()))
	s.waitReady(t)

	for tag, want := range map[string]string{"stable": "podinfo-00001", "candidate": "podinfo-00002"} {
		tagged := s.status(t, `traffic[?(@.tag=="`+tag+`")].url`)
		s.answers(t, client, tagged)
		who, err := whoIs(client, tagged)
		if err != nil || who.Revision != want || (who.Message == message) != (tag == "candidate") {
			t.Errorf("%s is answered by %+v, %v; want %s", tagged, who, err, want)
		}
	}

	const requests, share = 400, 0.1
	by := map[string]int{}
	for range requests {
		who, err := whoIs(client, url)
		if err != nil {
			t.Fatal(err)
		}
		by[who.Revision]++
	}
	t.Logf("%d requests: %v", requests, by)
	// Five standard deviations: a fair coin of this kind falls outside once in two million runs.
	deviation := 5 * math.Sqrt(requests*share*(1-share))
	if got := float64(by["podinfo-00002"]); math.Abs(got-requests*share) > deviation {
		t.Errorf("the candidate got %v of %d requests, want %v ± %.0f", got, requests, requests*share, deviation)
	}
	if by["podinfo-00001"]+by["podinfo-00002"] != requests {
		t.Errorf("somebody else answers: %v", by)
	}
}

// TestRolloutLosesNothing replaces the revision under load, from inside the cluster, and then deletes the one pod that
// is left. The old pods drain meanwhile, which takes half a minute, and are gone before the load ends.
func TestRolloutLosesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo", manifest(t, "service.yaml", quick()))
	load := s.Load(t, kube.LoadOptions{
		URL: s.status(t, "url") + "/api/info", CountBy: `"k_revision": "([^"]*)"`, Timeout: patience,
	})
	load.More(t, 200)
	s.Apply(t, manifest(t, "service.yaml", quick(), variable("PODINFO_UI_MESSAGE", message)))
	s.waitReady(t)
	s.vanish(t, "serving.knative.dev/revision=podinfo-00001")

	const newest = "serving.knative.dev/revision=podinfo-00002"
	pods := strings.Fields(s.Kubectl(t, "get", "pods", "--selector="+newest, "--output=name"))
	s.Kubectl(t, "delete", "--wait=false", pods[0])
	kube.Eventually(t, goneTimeout, "the deleted pod to go", func() bool {
		_, err := s.TryKubectl("get", pods[0])
		return err != nil
	})
	load.More(t, 200)
	report := load.StopWithoutLoss(t)
	if report.By["podinfo-00001"] == 0 || report.By["podinfo-00002"] == 0 || len(report.By) != 2 {
		t.Errorf("answers by revision: %v; want some by each", report.By)
	}
}

// TestUnreadyRevisionGetsNoTraffic rolls out a revision whose readiness probe fails.
func TestUnreadyRevisionGetsNoTraffic(t *testing.T) {
	t.Parallel()
	s := newService(t, "podinfo", manifest(t, "service.yaml", published(), quick()))
	client := s.client(t, false)
	url := s.url(t, client)
	s.Apply(t, manifest(t, "service.yaml", published(), quick(), variable("PODINFO_UNREADY", `"true"`)))
	for _, step := range [][]string{
		{"revisions.serving.knative.dev/podinfo-00002", "--for=create"},
		{"revisions.serving.knative.dev/podinfo-00002", "--for=condition=Ready=False"},
		{"services.serving.knative.dev/podinfo", "--for=condition=Ready=False"},
	} {
		s.Kubectl(t, append([]string{"wait", "--timeout=" + readyTimeout.String()}, step...)...)
	}
	for range 20 {
		if who, err := whoIs(client, url); err != nil || who.Revision != "podinfo-00001" {
			t.Errorf("%+v answers, %v; want podinfo-00001", who, err)
		}
	}
	if got, err := ask(client, http.MethodGet, url+"/readyz", ""); err != nil || got.status != http.StatusOK {
		t.Errorf("/readyz of the old revision: %d, %v", got.status, err)
	}
}

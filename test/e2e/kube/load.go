package kube

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/e2e/internal/report"
)

// LoadOptions say what a Load requests, and how. URL is the only one that is needed.
type LoadOptions struct {
	// URL is asked with GET, from inside the cluster: "http://podinfo:9898/api/info".
	URL string
	// Body, when set, is sent with POST instead.
	Body string
	// Host, when set, is sent instead of the URL's host, as for an ingress.
	Host string
	// CountBy is a regular expression for the bodies of answers; what its first group matches is counted in the
	// report's By.
	CountBy string
	// KeepAlive workers each stay on one connection, Fresh ones make one for every request. Default: 2 and 2.
	KeepAlive, Fresh int
	// H2C makes the workers speak HTTP/2 without TLS.
	H2C bool
	// GRPC makes them call the method that the URL's path names, such as "/info.InfoService/Info", with an empty message.
	GRPC bool
	// Pause is what each worker waits between two requests. Default: 50ms.
	Pause time.Duration
	// Timeout bounds one request; one that takes longer has failed. Default: 10s.
	Timeout time.Duration
}

// Load keeps sending requests from a pod of its own until it is stopped.
type Load struct {
	namespace *Namespace
	pod       string
}

// Load starts requests to a server and returns once the first ones are answered: until then failures do not count, for
// a Service can refuse for a moment after its pods are ready.
func (n *Namespace) Load(t testing.TB, options LoadOptions) *Load {
	t.Helper()
	l := &Load{namespace: n, pod: "load-" + strings.ToLower(rand.Text()[:8])}
	n.Apply(t, l.manifest(t, options))
	Eventually(t, rolloutTimeout, "answers from "+options.URL, func() bool {
		last, err := l.report()
		return err == nil && last.Requests > 0
	})
	return l
}

// Report returns how the requests so far have ended.
func (l *Load) Report(t testing.TB) report.Report {
	t.Helper()
	last, err := l.report()
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// More waits until count further requests have ended, so that what a test has just brought about is under load.
func (l *Load) More(t testing.TB, count int) {
	t.Helper()
	before := l.Report(t).Requests
	Eventually(t, Until, fmt.Sprintf("%d more requests", count), func() bool {
		last, err := l.report()
		return err == nil && last.Requests >= before+count
	})
}

// Stop ends the load once the requests that are under way have ended, removes its pod and returns the last report.
func (l *Load) Stop(t testing.TB) report.Report {
	t.Helper()
	// The program that is asked to stop can be gone before kubectl hears that it was told; the report tells.
	_, stopErr := l.namespace.TryKubectl("exec", l.pod, "--", "/loadgen", "stop")
	var last report.Report
	Eventually(t, Until, fmt.Sprintf("the last report of the load (%v)", stopErr), func() bool {
		var err error
		last, err = l.report()
		return err == nil && last.Done
	})
	l.namespace.Kubectl(t, "delete", "pod", l.pod)
	return last
}

// StopWithoutLoss ends the load and fails the test when any request has failed.
func (l *Load) StopWithoutLoss(t testing.TB) report.Report {
	t.Helper()
	last := l.Stop(t)
	if last.Failed > 0 {
		t.Errorf("%d of %d requests failed, the first at %s: %v",
			last.Failed, last.Requests, last.FirstFailure, last.Failures)
	}
	t.Logf("%d requests, %d sent again after an idle connection was closed, the slowest took %d ms, by %v",
		last.Requests, last.Retried, last.SlowestMillis, last.By)
	return last
}

func (l *Load) report() (report.Report, error) {
	var last report.Report
	line, err := l.namespace.TryKubectl("logs", l.pod, "--tail=1")
	if err != nil {
		return last, err
	}
	if strings.TrimSpace(line) == "" {
		return last, fmt.Errorf("%s has not reported yet", l.pod)
	}
	if err := json.Unmarshal([]byte(line), &last); err != nil {
		return last, fmt.Errorf("%s reports %q: %w", l.pod, line, err)
	}
	return last, nil
}

// object is a part of a manifest: JSON is YAML, so that no value needs quoting here.
type object = map[string]any

func (l *Load) manifest(t testing.TB, options LoadOptions) string {
	t.Helper()
	return marshal(t, object{
		"apiVersion": "v1",
		"kind":       "Pod",
		"metadata":   object{"name": l.pod},
		"spec": object{
			"restartPolicy": "Never",
			// A test that is killed takes nothing away, and its load must not go on for ever.
			"activeDeadlineSeconds":         1200,
			"automountServiceAccountToken":  false,
			"enableServiceLinks":            false,
			"terminationGracePeriodSeconds": 1,
			"securityContext": object{
				"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
				"seccompProfile": object{"type": "RuntimeDefault"},
			},
			"containers": []object{{
				"name":            "loadgen",
				"image":           loadImage,
				"imagePullPolicy": "IfNotPresent",
				"args":            options.args(),
				"resources": object{
					"requests": object{"cpu": "10m", "memory": "32Mi"},
					"limits":   object{"memory": "128Mi"},
				},
				"securityContext": object{
					"allowPrivilegeEscalation": false,
					"readOnlyRootFilesystem":   true,
					"capabilities":             object{"drop": []string{"ALL"}},
				},
			}},
		},
	})
}

func (o LoadOptions) args() []string {
	if o.KeepAlive == 0 && o.Fresh == 0 {
		o.KeepAlive, o.Fresh = 2, 2
	}
	if o.Pause == 0 {
		o.Pause = 50 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	args := []string{
		"-keep-alive=" + strconv.Itoa(o.KeepAlive), "-fresh=" + strconv.Itoa(o.Fresh),
		"-pause=" + o.Pause.String(), "-timeout=" + o.Timeout.String(), "-h2c=" + strconv.FormatBool(o.H2C),
		"-host=" + o.Host, "-count-by=" + o.CountBy, "-body=" + o.Body,
	}
	if o.GRPC {
		args = append(args, "-grpc")
	}
	return slices.Concat(args, []string{o.URL})
}

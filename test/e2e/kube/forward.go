package kube

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

var forwarding = regexp.MustCompile(`Forwarding from (127\.0\.0\.1:\d+) `)

// Forward returns an address of this machine, such as "127.0.0.1:40001", which leads to a port of target until the test
// ends. For a target such as "service/podinfo" the port is one of the Service, but all connections lead to one of its
// pods, and end with that pod: the next one needs another Forward.
func (n *Namespace) Forward(t testing.TB, target string, port int) string {
	t.Helper()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	p := testkit.Exec(t, kubectl, []string{
		"--namespace=" + n.Name, "port-forward", target, ":" + strconv.Itoa(port), "--address=127.0.0.1",
		"--pod-running-timeout=" + rolloutTimeout.String(),
	}, os.Environ())
	var address string
	Eventually(t, rolloutTimeout, "kubectl port-forward to "+target, func() bool {
		if found := forwarding.FindStringSubmatch(p.Stdout()); found != nil {
			address = found[1]
			return true
		}
		select {
		case <-p.Exited():
			t.Fatalf("kubectl port-forward %s ended: %s", target, p.Stderr())
		default:
		}
		return false
	})
	return address
}

// Until bounds how long a test waits for what the cluster does by itself in seconds, such as a Service that follows its
// pods, on a small and busy machine.
const Until = time.Minute

package system

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// TestConfigSwaps replaces the contents of a mounted volume 50 times, as kubelet does. Each time keys change, come and
// go, and each time /configs shows just that within a second.
func TestConfigSwaps(t *testing.T) {
	t.Parallel()
	const swaps, bound = 50, time.Second
	volume := testkit.NewVolume(t, map[string]string{"stays": "0", "key-0": "0"})
	p := start(t, "--config-path="+volume.Dir)
	var slowest time.Duration
	for n := 1; n <= swaps; n++ {
		value := strconv.Itoa(n)
		keys := map[string]string{"stays": value, "key-" + value: "<&\"'>\n" + value}
		volume.Write(t, keys, n%2 == 0)
		swapped := time.Now()
		testkit.Eventually(t, patience, fmt.Sprintf("/configs to show swap %d", n), func() bool {
			return maps.Equal(p.configs(t), keys)
		})
		slowest = max(slowest, time.Since(swapped))
	}
	if slowest > bound {
		t.Errorf("a swap was seen after %s, want at most %s", slowest, bound)
	}
	t.Logf("%d swaps, each seen within %s", swaps, slowest)
	p.isAlive(t)
}

func (p *podinfo) configs(t *testing.T) map[string]string {
	t.Helper()
	got := p.get(t, "/configs")
	shown := map[string]string{}
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil || got.status != http.StatusOK {
		t.Errorf("GET /configs: status %d, %v; body %q", got.status, err, got.body)
	}
	return shown
}

package conformance

import (
	"context"
	"syscall"

	"github.com/podinfo-targets/podinfo/test/testkit"
)

// OfProcess returns the target that a process is: it has the addresses of the process, SIGTERM asks it to stop, and its
// end is that of the process. Its name, and what it lacks, is for the caller to say.
func OfProcess(p *testkit.Process) Target {
	return Target{
		BaseURL: p.URL, SecureURL: p.SecureURL, MetricsURL: p.MetricsURL, GRPCAddr: p.GRPCAddr,
		Terminate: func() error { return p.Signal(syscall.SIGTERM) },
		Exit: func(ctx context.Context) (int, error) {
			select {
			case <-p.Exited():
				return p.ExitCode(), nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		},
	}
}

package proc

import (
	"os/exec"
	"syscall"
	"time"
)

// StartAndSweep starts the command in a control group below parent, without a mark, and sweeps.
func StartAndSweep(parent string, cmd *exec.Cmd) error {
	l := leash{newMark(), newGroup(parent, Limits{}), false}
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: l.attributes().CgroupFD}
	if err := cmd.Start(); err != nil {
		return err
	}
	return l.sweep(time.Now().Add(sweep))
}

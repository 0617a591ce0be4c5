// Command limited starts the program that its argument names as one that leaves a family, under a limit of locks as a
// container may have it, and ends when all of the family is gone.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/proc"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(program string) error {
	const locks = 10 // RLIMIT_LOCKS
	if err := unix.Prlimit(0, locks, &unix.Rlimit{Cur: 1024, Max: 1024}, nil); err != nil {
		return err
	}
	p, err := proc.Start(proc.Spec{Path: program, Name: "family", Env: []string{"MODE=family", "LEAVE=yes"}, Dir: "/"})
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(p.Stdout); lines.Scan(); {
		fmt.Println(lines.Text())
		if strings.HasPrefix(lines.Text(), "family") {
			break // Whoever is left holds the output open.
		}
	}
	<-p.Gone()
	return p.Left()
}

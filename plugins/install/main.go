// Command install puts plugins onto the volume that hosts load them from: the files of its own image, which has neither
// a shell nor cp. A host that looks at the volume meanwhile never sees half a file, and no plugin is reloaded whose
// file is there already.
//
//	install [-from=/plugins] DIRECTORY
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("install", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: install [-from=/plugins] DIRECTORY")
		flags.PrintDefaults()
	}
	from := flags.String("from", "/plugins", "directory of the plugins to install")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return 2
	}
	if err := install(*from, flags.Arg(0), stdout); err != nil {
		fmt.Fprintln(stderr, "install:", err)
		return 1
	}
	return 0
}

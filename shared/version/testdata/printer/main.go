// Command printer prints what a stamped build says about itself; the test of package version runs it.
package main

import (
	"fmt"

	"github.com/podinfo-targets/podinfo/shared/version"
)

func main() { fmt.Println(version.Version, version.Revision) }

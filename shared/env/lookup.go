package env

import "strings"

// Lookup returns what finds the value of a variable in environ (as from [os.Environ]): the first of its name, as for
// [os.Getenv], or "" when there is none.
func Lookup(environ []string) func(name string) string {
	return func(name string) string {
		for _, variable := range environ {
			if value, found := strings.CutPrefix(variable, name+"="); found {
				return value
			}
		}
		return ""
	}
}

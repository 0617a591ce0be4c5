package conformance

import "slices"

// Table returns the whole table.
func Table() []Group {
	return slices.Concat(
		general(), limits(), timeouts(), protocols(),
		identity(), page(), environment(), configurations(), settings(),
		echo(), probes(), readOnly(), faults(), statuses(), delays(), tokens(), caching(), storing(), websockets(), plugins(),
		documents(), prefixes(), metrics(), rpcs(), stopping(),
	)
}

// Only returns the groups of the table with these names.
func Only(names ...string) []Group {
	return slices.DeleteFunc(Table(), func(g Group) bool { return !slices.Contains(names, g.Name) })
}

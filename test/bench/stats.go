package main

import "slices"

// pairs are the values of what is measured and of its yardstick, taken in turns.
type pairs struct{ own, yardstick []float64 }

func (p *pairs) add(own, yardstick float64) {
	p.own, p.yardstick = append(p.own, own), append(p.yardstick, yardstick)
}

// ratios are the values over the yardstick's, pair by pair: what slows the machine down for a while slows both.
func (p *pairs) ratios() []float64 {
	all := make([]float64, len(p.own))
	for i := range all {
		all[i] = p.own[i] / p.yardstick[i]
	}
	return all
}

// ratio is the median of the ratios.
func (p *pairs) ratio() float64 { return median(p.ratios()) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// side measures one side once, and returns one value for every figure.
type side func() ([]float64, error)

// inTurns measures two sides as often as there are rounds, each of them first in every other round.
func inTurns(rounds int, own, yardstick side) ([]pairs, error) {
	var figures []pairs
	for round := range rounds {
		var values [2][]float64
		for turn := range 2 {
			i := (round + turn) % 2
			var err error
			if values[i], err = [2]side{own, yardstick}[i](); err != nil {
				return nil, err
			}
		}
		if figures == nil {
			figures = make([]pairs, len(values[0]))
		}
		for i := range figures {
			figures[i].add(values[0][i], values[1][i])
		}
	}
	return figures, nil
}

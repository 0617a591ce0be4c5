package main

import (
	"errors"
	"slices"
	"testing"
)

func TestPairs(t *testing.T) {
	t.Parallel()
	var p pairs
	for _, v := range [][2]float64{{3, 2}, {40, 20}, {9, 9}} { // The machine was slow during the second pair.
		p.add(v[0], v[1])
	}
	if got, want := p.ratios(), []float64{1.5, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("the ratios are %v, not %v", got, want)
	}
	if got := p.ratio(); got != 1.5 {
		t.Errorf("their median is %v, not 1.5", got)
	}
	if got := median(p.own); got != 9 {
		t.Errorf("the median of 3, 40 and 9 is %v", got)
	}
}

func TestInTurns(t *testing.T) {
	t.Parallel()
	var order string
	value := 0.0
	measure := func(name string) side {
		return func() ([]float64, error) {
			order += name
			value++
			return []float64{value, -value}, nil
		}
	}
	got, err := inTurns(3, measure("o"), measure("y"))
	if err != nil {
		t.Fatal(err)
	}
	if order != "oyyooy" {
		t.Errorf("the order is %s, not oyyooy", order)
	}
	if len(got) != 2 || !slices.Equal(got[0].own, []float64{1, 4, 5}) ||
		!slices.Equal(got[1].yardstick, []float64{-2, -3, -6}) {
		t.Errorf("the pairs are %v", got)
	}
	broken := errors.New("broken")
	if _, err := inTurns(3, measure("o"), func() ([]float64, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("a side that fails ends with %v", err)
	}
}

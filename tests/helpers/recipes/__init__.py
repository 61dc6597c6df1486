"""Recipes of simulated track sets: honest ones, and families of sets made to mislead the camera solve.

A recipe is a seeded generator and, written down beforehand, the codes that may be said of what it does. All that a set
is judged by is in it: what the plate really shows, which of it the tracks hold, and what the artist's config says.

sets        what a set is
markers     tracks taken apart: cut, chopped, shifted, seen again elsewhere
honest      kinds of shots as a good tracker hands them over
joins       parts of a shot that hang together wrongly
timing      tracks, or an imported camera, that are not of the frame they say
optics      lenses and plates that are not what a solve takes them for
motions     tracks that agree with each other, but not with the room
settings    what the artist says of the shot, or of the tracks' coordinates, is wrong
families    the list of them all, with accepted codes
witness     the matches that pictures of a set would give
"""

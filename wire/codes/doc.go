// Package codes is the numbers that people read out, type and print: License Server
// ID, Key Pack ID, License Code, Product ID, authorization number, confirmation code,
// and the agreement numbers of the volume licensing programs. They are this lab's
// own, made and read by nothing else.
//
// # Form
//
// A code is the prefix LAB, a group of two and groups of five:
//
//	LAB-A7-X3CDM-....      License Server ID     35 letters and digits (white paper, Glossary)
//	LAB-K..                Key Pack ID           35 (white paper, Glossary)
//	LAB-C..                License Code          25 (white paper, License Purchase)
//	LAB-P..                Product ID            25
//	LAB-T..                authorization number  15
//	LAB-D..                confirmation code     15
//
// The first letter behind LAB says which it is. The alphabet has 23 characters,
// "3467ACDEFHJKMNPQRTVWXYZ": of what looks alike in print or by hand, 0 O, 1 I L, 2 Z,
// 5 S, 8 B, 6 G, U V and 9, at most one is in it.
//
// # Checks
//
// The last character of each group of five is a check on the group and on its place;
// the second of the group of two is a check on the whole. 23 is a prime, and the
// checks are weighted sums modulo 23, so that they find every wrong character, every
// two neighbors that are swapped, in a group or across a dash, and every two groups
// that are swapped. What is wrong is answered with the group in which it is.
//
// # Reading
//
// Small letters, blanks, and dashes that are missing or elsewhere are forgiven. What a
// function returns is always the one printed form.
package codes

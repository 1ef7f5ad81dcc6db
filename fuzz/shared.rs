// What every target is made of; `include!`d, so that the paths of its modules are those of the tests.

#[path = "../tests/durability/counting.rs"]
mod counting;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/hostile/targets/mod.rs"]
mod targets;

//! Disks that are full, and recordings that may not grow.

use super::*;

#[test]
fn a_full_disk_is_told_once_and_the_recording_goes_on() {
    for cannot_cut in [false, true] {
        let disk = Disk {
            cannot_cut,
            ..Disk::default()
        };
        let mut live = Live::new(disk.clone());
        live.chain(1, LOCKS[0], LOCKS[1]);
        live.flush();
        *disk.room.borrow_mut() = Some(disk.bytes.borrow().len() + 10);
        live.load_module();
        let missed = live.trace.missed(2, true);
        live.take(&Input::Missed(missed));
        live.chain(2, LOCKS[1], LOCKS[0]);
        live.flush();
        live.chain(3, LOCKS[2], LOCKS[0]);
        live.flush();
        assert_eq!(live.notices.len(), 1, "{:?}", live.notices);
        assert!(live.notices[0].starts_with("the recording cannot be written: "));
        assert_eq!(live.writer.lost(), 2);
        // What is on the disk can be read.
        let (_, inventory) = replayed(&disk.bytes.borrow());
        assert_eq!((inventory.records, inventory.is_whole()), (1, !cannot_cut));
        *disk.room.borrow_mut() = None;
        live.chain(4, LOCKS[1], LOCKS[2]);
        live.end();
        assert_eq!(live.notices[1..], ["the recording goes on; 2 records are not in it"]);
        let bytes = disk.bytes.borrow().clone();
        let (json, inventory) = replayed(&bytes);
        assert_eq!((inventory.records, inventory.lost, inventory.ended), (2, 2, true));
        assert_eq!(inventory.is_whole(), !cannot_cut);
        assert!(json.contains("\"recording_lost\": 2") && json.contains("\"complete\": false"));
        assert!(json.contains("dlock_reload"), "the table and its symbols were kept");
        assert_eq!(
            live.writer.length(),
            live.writer.storage().bytes.borrow().len() as u64 - if cannot_cut { 10 } else { 0 }
        );
    }
}

#[test]
fn a_recording_that_may_not_grow_keeps_its_beginning_and_its_end() {
    let disk = Disk::default();
    let beginning = {
        let disk = Disk::default();
        Live::new(disk.clone()).chain(1, LOCKS[0], LOCKS[1]);
        disk.bytes.borrow().len() as u64
    };
    let mut live = Live::limited(disk.clone(), beginning + 1_500);
    live.chain(1, LOCKS[0], LOCKS[1]);
    live.flush();
    for key in 2..9 {
        live.chain(key, LOCKS[1], LOCKS[2]);
        live.flush();
        live.load_module();
    }
    let size = disk.bytes.borrow().len() as u64;
    assert!(size <= beginning + 1_500);
    live.end();
    assert_eq!(live.notices.len(), 1, "{:?}", live.notices);
    assert!(live.notices[0].contains("--record-size"));
    let bytes = disk.bytes.borrow().clone();
    let (json, inventory) = replayed(&bytes);
    assert!(inventory.is_whole() && inventory.ended);
    assert_eq!(inventory.records + inventory.lost, 8);
    assert!(inventory.records > 0 && inventory.lost > 0 && inventory.lost == live.writer.lost());
    assert!(json.contains("\"command_status\": 3") && json.contains("recording_lost"));
}

#![doc = "Palisade."]

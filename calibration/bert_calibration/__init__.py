"""Everything that looks at data: samples, quality, and what reduced precision is fitted with. No torch needed here."""
